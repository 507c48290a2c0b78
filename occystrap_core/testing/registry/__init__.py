"""A registry on loopback that behaves, or misbehaves exactly as it is told to.

    with EmbeddedRegistry() as registry:
        registry.add(build_image([layer_tar(("etc/motd", "hello"))]), "library/hello", "latest")
        registry.fail(Fault("GET", "/blobs/", times=2, status=503))
        ...
        assert [request.method for request in registry.requests] == ["GET", "GET", "GET"]

What it says is what `kit.distribution.server` says; connections, faults and logins are its own, and
everything is kept in memory. It is for tests of clients, and no server for anything else.
"""

from __future__ import annotations

from occystrap_core.testing.registry.faults import Fault
from occystrap_core.testing.registry.gate import BasicGate, TokenGate
from occystrap_core.testing.registry.server import EmbeddedRegistry, SeenRequest

__all__ = ["BasicGate", "EmbeddedRegistry", "Fault", "SeenRequest", "TokenGate"]

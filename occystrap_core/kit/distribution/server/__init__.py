"""A registry of our own, for what is pushed to us.

    store = PushedImages()
    with DistributionServer(DistributionApi(store), tls=context, gate=BasicGate({"user": "secret"})) as server:
        ...                       # docker push {server.host}/name:tag
    store.manifest("name", "tag")

It is made to be talked to by anybody: whatever a client sends is answered by a status or not
at all, costs a bounded amount of memory, and is kept only when its digest is right.
"""

from __future__ import annotations

from occystrap_core.kit.distribution.server.api import DistributionApi
from occystrap_core.kit.distribution.server.gate import BasicGate, Gate
from occystrap_core.kit.distribution.server.limits import Limits
from occystrap_core.kit.distribution.server.pushed import PushedImages
from occystrap_core.kit.distribution.server.server import DistributionServer
from occystrap_core.kit.distribution.server.store import BlobStore, StoredBlob

__all__ = [
    "BasicGate",
    "BlobStore",
    "DistributionApi",
    "DistributionServer",
    "Gate",
    "Limits",
    "PushedImages",
    "StoredBlob",
]

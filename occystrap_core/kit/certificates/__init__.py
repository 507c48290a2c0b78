"""A certificate for a server of our own that lives as long as one run.

    context = server_context(self_signed(("127.0.0.1",)))

No `openssl` program and no library beside the standard one is needed. The arithmetic takes no
care to take the same time for every key: the keys made here serve one process for minutes.
"""

from __future__ import annotations

from occystrap_core.kit.certificates.context import server_context
from occystrap_core.kit.certificates.self_signed import Certificate, self_signed

__all__ = ["Certificate", "self_signed", "server_context"]

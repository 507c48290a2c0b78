"""The embedded registry's server: threads, connections, and what tests ask it."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any

from occystrap_core.kit.distribution.server.api import DistributionApi
from occystrap_core.testing.build import Content
from occystrap_core.testing.registry.faults import Fault, Faults
from occystrap_core.testing.registry.gate import Gate
from occystrap_core.testing.registry.store import Store


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as it arrived; `headers` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


class EmbeddedRegistry:
    """Answers from construction to `close`.

    `gate` asks for a login. `location` is how uploads are answered: "relative", "absolute",
    "query" (a relative one with a query), or the origin of another server. `chunked` leaves
    Content-Length out of blobs. `tls` makes it speak TLS, `address` is one of this machine's.
    """

    def __init__(
        self,
        *,
        gate: Gate | None = None,
        location: str = "query",
        chunked: bool = False,
        mounts: bool = True,
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        from occystrap_core.testing.registry.handler import Handler

        self.store = Store(mounts)
        self.api = DistributionApi(self.store, located=self._located)
        self.faults = Faults()
        self.requests: list[SeenRequest] = []
        self.gate = gate
        self.location = location
        self.chunked = chunked
        self._connections: set[socket.socket] = set()
        self._to_reset: set[socket.socket] = set()
        self._server = (_Server6 if ":" in address else _Server)((address, 0), Handler)
        self._server.registry = self
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="registry", daemon=True
        )
        self._thread.start()

    @property
    def host(self) -> str:
        address, port = self._server.server_address[:2]
        return f"[{address!s}]:{port}" if ":" in str(address) else f"{address!s}:{port}"

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}"

    def add(self, content: Content, repository: str, tag: str = "latest") -> None:
        self.store.add(content, repository, tag)

    def fail(self, fault: Fault) -> None:
        """Faults happen in the order in which they were planned."""
        self.faults.plan(fault)

    def seen(self, method: str = "", path: str = "") -> list[SeenRequest]:
        """The requests so far of this method whose path contains `path`."""
        return [each for each in self.requests if method in ("", each.method) and path in each.path]

    @property
    def uploads(self) -> int:
        """How many are unfinished."""
        return len(self.api.uploads)

    def _located(self, path: str) -> str:
        locations = {"relative": path, "query": f"{path}?state=a%2Fb%3D&x=1", "absolute": self.url + path}
        return locations.get(self.location) or f"{self.location}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.api.close()

    def opened(self, connection: socket.socket) -> None:
        self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        self._connections.discard(connection)

    def reset_when_closed(self, connection: socket.socket) -> None:
        """Closing with a linger time of zero sends an RST."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._to_reset.add(connection)

    def is_to_be_reset(self, connection: socket.socket) -> bool:
        return connection in self._to_reset

    def __enter__(self) -> EmbeddedRegistry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    registry: EmbeddedRegistry

    def shutdown_request(self, request: Any) -> None:
        """A shutdown would say goodbye with a FIN first."""
        if self.registry.is_to_be_reset(request):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, often because a fault sent it, is nothing to print."""


class _Server6(_Server):
    address_family = socket.AF_INET6

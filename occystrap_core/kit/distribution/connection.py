"""Connections: http.client with keep-alive, time-outs, TLS from the system's CA store, and proxies.

A body is read into a buffer that is used again for the next piece: handing every read a
fresh buffer costs more than the network does.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead

from occystrap_core.kit.distribution.origin import IpAddress, Origin, ip_address
from occystrap_core.kit.distribution.paced import PacedResponse
from occystrap_core.kit.distribution.proxies import Proxy, proxy_for
from occystrap_core.model.errors import OccystrapError, TransferError
from occystrap_core.model.value import value

BUFFER_SIZE = 256 * 1024
_MAX_KEPT = 16
_MAX_KEPT_SECONDS = 30.0


@value
class Timeouts:
    """Seconds. After an upload a registry may need longer than `idle` to answer: it has to hash what it got."""

    connect: float = 10.0
    idle: float = 30.0
    after_upload: float = 300.0


@value
class Door:
    """The one way to a server that is not found by its origin: a daemon behind a socket.

    `name` is what errors call it. `make` gives a connection that is not connected yet, for a
    time-out; `explain` says why connecting it failed.
    """

    name: str
    make: Callable[[float], HTTPConnection]
    explain: Callable[[OSError], OccystrapError]


class Connections:
    """The connections of one client, shared by its threads.

    `home` is the registry. Where it sends us afterwards (a redirect, an upload's Location, a
    token realm) must not lie deeper inside a private network than the registry itself does.
    With a `door`, every connection goes through it, and through no proxy.
    """

    def __init__(self, home: Origin, timeouts: Timeouts, door: Door | None = None) -> None:
        self._home = home
        self._timeouts = timeouts
        self._door = door
        self._lock = threading.Lock()
        self._kept: dict[Origin, list[tuple[HTTPConnection, float]]] = {}
        self._home_address: IpAddress | None = None
        self._closed = False
        self._interrupted = threading.Event()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def interrupt(self) -> None:
        """From any thread: who waits for a peer has waited long enough, and who comes later is turned away."""
        with self._lock:
            self._interrupted.set()
            sockets = list(self._sockets)
        for each in sockets:
            with suppress(OSError):
                # A TLS socket's own method would take away the state that its reader is using.
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    def pause(self, seconds: float) -> None:
        """Sleep, unless interrupted."""
        if self._interrupted.wait(seconds):
            raise _stopped()

    def exchange(
        self, method: str, origin: Origin, target: str, headers: Mapping[str, str], body: Iterable[bytes] | None
    ) -> tuple[HTTPResponse, Body]:
        """Send a request and return its answer's head, and the body that must be closed."""
        if self._interrupted.is_set():
            raise _stopped()
        kept = self._reused(origin)
        if kept is not None:
            try:
                return self._exchange_on(kept, method, origin, target, headers, body)
            except ConnectionError:
                # The peer closed it just now; only what can be sent again is.
                if body is not None:
                    raise
        return self._exchange_on(self._opened(origin), method, origin, target, headers, body)

    def put_back(self, origin: Origin, connection: HTTPConnection) -> None:
        with self._lock:
            kept = self._kept.setdefault(origin, [])
            if not self._closed and connection.sock is not None and len(kept) < _MAX_KEPT:
                kept.append((connection, time.monotonic()))
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            connections = [connection for kept in self._kept.values() for connection, _ in kept]
            self._kept.clear()
        for connection in connections:
            connection.close()

    def _reused(self, origin: Origin) -> HTTPConnection | None:
        while True:
            with self._lock:
                kept = self._kept.get(origin)
                if not kept:
                    return None
                connection, since = kept.pop()
            if time.monotonic() - since < _MAX_KEPT_SECONDS and _still_open(connection):
                return connection
            connection.close()

    def _opened(self, origin: Origin) -> HTTPConnection:
        proxy = None if self._door else proxy_for(origin)
        wait = self._timeouts.connect
        connection = self._door.make(wait) if self._door else _connection(origin, proxy, wait)
        try:
            connection.connect()
            self._watch(connection.sock)
            if proxy is None and self._door is None:
                self._check_address(origin, connection)
        except UnicodeError:
            connection.close()
            raise socket.gaierror(socket.EAI_NONAME, "it is not a name that can be looked up") from None
        except BaseException as error:
            connection.close()
            if self._door and isinstance(error, OSError):
                raise self._door.explain(error) from error
            raise
        return connection

    def _watch(self, connected: socket.socket) -> None:
        with self._lock:
            self._sockets.add(connected)
            if self._interrupted.is_set():
                raise _stopped()

    def _check_address(self, origin: Origin, connection: HTTPConnection) -> None:
        address = ip_address(connection.sock.getpeername()[0].partition("%")[0])
        if origin == self._home:
            self._home_address = address
        elif not may_be_reached_from(self._home_address, address):
            raise TransferError(f"{self._home.netloc} sends us to {origin.netloc}, which lies in a private network")

    def _exchange_on(
        self,
        connection: HTTPConnection,
        method: str,
        origin: Origin,
        target: str,
        headers: Mapping[str, str],
        body: Iterable[bytes] | None,
    ) -> tuple[HTTPResponse, Body]:
        if self._door is None:
            target, headers = _addressed(origin, target, headers)
        try:
            response = self._answered(connection, method, target, headers, body)
        except BaseException:
            connection.close()
            raise
        return response, Body(self, origin, connection, response)

    def _answered(
        self,
        connection: HTTPConnection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Iterable[bytes] | None,
    ) -> HTTPResponse:
        connection.sock.settimeout(self._timeouts.idle)
        try:
            chunked = "Transfer-Encoding" in headers
            connection.request(method, target, body=body, headers=headers, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError):
            return _early_answer(connection)
        if body is not None:
            connection.sock.settimeout(self._timeouts.after_upload)
        return connection.getresponse()


def _stopped() -> TransferError:
    return TransferError("the run was stopped")


class Body:
    """An answer's body, read once. What it yields is valid until the next piece is asked for."""

    def __init__(
        self,
        pool: Connections,
        origin: Origin,
        connection: HTTPConnection,
        response: HTTPResponse,
    ) -> None:
        self._pool = pool
        self._origin = origin
        self._connection: HTTPConnection | None = connection
        self._response = response

    def __iter__(self) -> Iterator[bytes | memoryview]:
        response = self._response
        if response.isclosed() or response.length == 0:
            return iter(())
        if response.chunked or response.length is None:
            return self._unmeasured()
        return self._measured()

    def close(self) -> None:
        """Keep the connection for the next request where the body was read to its end."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._response.length == 0:
            self._finish()
        if self._response.isclosed() and not self._response.will_close:
            self._pool.put_back(self._origin, connection)
        else:
            self._response.close()
            connection.close()

    def _measured(self) -> Iterator[memoryview]:
        response = self._response
        remaining = response.length or 0
        view = memoryview(bytearray(min(BUFFER_SIZE, remaining) or 1))
        while remaining:
            piece = view if remaining >= len(view) else view[:remaining]
            filled, failure = self._fill(piece)
            remaining -= filled
            response.length = remaining
            if filled:
                yield piece[:filled]
            if filled < len(piece):
                raise failure or IncompleteRead(b"", remaining)
        self._finish()

    def _finish(self) -> None:
        """http.client frees the connection only when it is asked for the nothing that is left."""
        self._response.read()

    def _fill(self, piece: memoryview) -> tuple[int, OSError | None]:
        """How much came, and the failure that kept the rest from coming: what came is handed out first."""
        read_some = self._response.fp.readinto1
        filled = 0
        try:
            while filled < len(piece) and (count := read_some(piece[filled:])):
                filled += count
        except OSError as error:
            return filled, error
        return filled, None

    def _unmeasured(self) -> Iterator[bytes]:
        while chunk := self._response.read1(BUFFER_SIZE):
            yield chunk


class PlainConnection(HTTPConnection):
    response_class = PacedResponse


class SecureConnection(HTTPSConnection):
    response_class = PacedResponse


class UnixConnection(PlainConnection):
    """HTTP over the socket file `path`."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def tls_context() -> ssl.SSLContext:
    """One context for the whole process, made at first use: it costs 40 ms."""
    return _tls_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _tls_context(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _connection(origin: Origin, proxy: Proxy | None, timeout: float) -> HTTPConnection:
    host, port = (proxy.host, proxy.port) if proxy else (origin.host, origin.port)
    if origin.scheme == "http":
        return PlainConnection(host, port, timeout=timeout)
    connection = SecureConnection(host, port, timeout=timeout, context=tls_context())
    if proxy:
        connection.set_tunnel(origin.host, origin.port, headers=dict(proxy.headers))
    return connection


def _addressed(origin: Origin, target: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """A proxy for plain HTTP wants the whole URL, and its own password beside the registry's."""
    proxy = proxy_for(origin) if origin.scheme == "http" else None
    return (f"{origin}{target}", {**headers, **dict(proxy.headers)}) if proxy else (target, headers)


def _still_open(connection: HTTPConnection) -> bool:
    """A kept connection on which something can be read was closed by the peer, or is out of step."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)


def _early_answer(connection: HTTPConnection) -> HTTPResponse:
    """A server may refuse a body before it read all of it, and hang up: its answer says why."""
    try:
        response = connection.getresponse()
    except (HTTPException, OSError):
        raise ConnectionResetError("the connection was closed in the middle of the request") from None
    response.will_close = True
    return response


def may_be_reached_from(home: IpAddress | None, target: IpAddress | None) -> bool:
    if home is None or target is None:
        return True
    return _privacy(target) <= _privacy(home)


def _privacy(address: IpAddress) -> int:
    if address.is_loopback or address.is_link_local or address.is_unspecified:
        return 2
    return 1 if address.is_private else 0

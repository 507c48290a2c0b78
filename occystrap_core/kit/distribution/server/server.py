"""The server: it listens, and gives every connection a thread."""

from __future__ import annotations

import errno
import select
import socket
import ssl
import threading
from dataclasses import replace
from http import HTTPStatus
from time import monotonic, sleep
from types import TracebackType

from occystrap_core.kit.distribution.server.api import DistributionApi, Request
from occystrap_core.kit.distribution.server.connection import Connection
from occystrap_core.kit.distribution.server.gate import Gate
from occystrap_core.kit.distribution.server.refusal import Refusal
from occystrap_core.kit.distribution.server.reply import Reply, refused

_BACKLOG = 128
_TIDY_SECONDS = 30
_PATIENCE_SECONDS = 0.1
_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class DistributionServer:
    """Serves from construction to `close`, which returns when no thread of it is left.

    It listens on this machine's loopback unless told otherwise. `failure` is the first thing
    that went wrong on our side, which clients are told in a status only. `was_reached` says
    whether anybody connected, `has_answered` whether anybody got as far as a request.
    """

    def __init__(
        self,
        api: DistributionApi,
        *,
        tls: ssl.SSLContext | None = None,
        gate: Gate | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.failure: OSError | None = None
        self.was_reached = False
        self.has_answered = False
        self._api = api
        self._tls = tls
        self._gate = gate
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._listener = socket.create_server(address, backlog=_BACKLOG)
        self._listener.setblocking(False)
        self._wakes, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        address, port = self._listener.getsockname()[:2]
        return f"{address}:{port}"

    def answer(self, request: Request) -> Reply:
        self.has_answered = True
        challenge = self._gate.challenge(request.headers.get("authorization", ""), self.host) if self._gate else ""
        if challenge:
            reply = refused(Refusal(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "a user and password are needed"))
            return replace(reply, headers={**reply.headers, "WWW-Authenticate": challenge})
        try:
            return self._api.answer(request)
        except OSError as error:
            self.failure = self.failure or error
            raise Refusal(HTTPStatus.INSUFFICIENT_STORAGE, "UNKNOWN", "it cannot be kept here") from error

    def close(self) -> None:
        self._waker.close()
        self._thread.join()
        with self._lock:
            connections = dict(self._connections)
        for connection, thread in connections.items():
            connection.hang_up()
            thread.join()
        self._api.close()

    def __enter__(self) -> DistributionServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._wakes, select.POLLIN)
        with self._listener, self._wakes:
            while True:
                ready = {number for number, _ in poll.poll(_TIDY_SECONDS * 1000)}
                if self._wakes.fileno() in ready:
                    return
                if ready:
                    self._accept()
                else:
                    self._api.uploads.expire()

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
            self.was_reached = True
            accepted.setblocking(True)
            connection = Connection(accepted, self._tls, self, self._api.limits)
        except OSError as error:
            if error.errno in _OUT_OF_FILES:
                self._make_room(1)
            return
        if not self._wait_for_room():
            connection.close()
            return
        thread = threading.Thread(target=self._serve, args=(connection,), name="registry", daemon=True)
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError:  # the system has no thread to spare
            self._forget(connection)
            connection.close()

    def _wait_for_room(self) -> bool:
        """For a moment only: nobody else is let in meanwhile."""
        deadline = monotonic() + _PATIENCE_SECONDS
        while not self._make_room(self._api.limits.connections):
            if monotonic() > deadline:
                return False
            sleep(_PATIENCE_SECONDS / 10)
        return True

    def _make_room(self, limit: int) -> bool:
        """Whether one more fits below `limit`; the one that has waited longest for a request has to go for it."""
        with self._lock:
            if len(self._connections) < limit:
                return True
            waiting = next((each for each in self._connections if each.waits), None)
            if waiting is not None:
                waiting.hang_up()
            return waiting is not None

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            del self._connections[connection]

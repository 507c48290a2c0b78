"""The bytes of one connection, with an eye on the clock."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic

from occystrap_core.kit.distribution.server.limits import Limits
from occystrap_core.kit.distribution.server.refusal import Gone, Refusal, bad_request

_END_OF_HEAD = b"\r\n\r\n"
_PIECE = 16 * 1024
_LONGEST_LINE = 64


class Wire:
    """Reads and writes a socket, plain or TLS. Gone is raised where the client is gone or stalls."""

    def __init__(self, connection: socket.socket, limits: Limits) -> None:
        self._socket = connection
        self._limits = limits
        self._ahead = bytearray()
        self._waited = 0.0
        self._came = 0

    def head(self) -> bytes | None:
        """A request's head without its last line; None where the client has no further request.

        A socket's own time-out is about single reads, which a client that sends a byte now and
        then never meets: the head as a whole has its time.
        """
        if not self._ahead and not self._receive(self._limits.idle_seconds):
            return None
        if not self._ahead[:1].isalpha():
            # Most likely TLS where none is spoken: that client will try without when it is told at once.
            raise bad_request("this is not HTTP")
        deadline = monotonic() + self._limits.head_seconds
        start = 0
        while (end := self._ahead.find(_END_OF_HEAD, start)) < 0:
            start = max(0, len(self._ahead) - len(_END_OF_HEAD) + 1)
            self._require_short_head(len(self._ahead))
            if not self._receive(deadline - monotonic()):
                raise Gone
        self._require_short_head(end)
        return self._taken(end + len(_END_OF_HEAD))[: -len(_END_OF_HEAD)]

    def line(self) -> bytes:
        """A short line of a chunked body, without its end."""
        while (end := self._ahead.find(b"\n")) < 0:
            self._require_short_line(len(self._ahead))
            self._keeping_pace(lambda: self._receive(self._limits.idle_seconds))
        self._require_short_line(end)
        line = self._taken(end + 1)
        if not line.endswith(b"\r\n"):
            raise bad_request("a line of a chunk ends as it should not")
        return line[:-2]

    def read_into(self, view: memoryview) -> int:
        """Put at least one byte into `view`."""
        if count := min(len(view), len(self._ahead)):
            view[:count] = self._ahead[:count]
            del self._ahead[:count]
            return count
        return self._keeping_pace(lambda: self._socket.recv_into(view))

    def send(self, data: bytes | memoryview) -> None:
        try:
            self._socket.settimeout(self._limits.idle_seconds)
            self._socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def linger(self, seconds: float) -> None:
        """End the connection so that an answer arrives: what is still coming in would reset it."""
        self._ahead.clear()
        deadline = monotonic() + seconds
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while (left := deadline - monotonic()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv(_PIECE):
                    return
        except OSError:
            return

    def _keeping_pace(self, receive: Callable[[], int]) -> int:
        """What `receive` got, in a body. Only time spent waiting counts: what we take ourselves
        is not the client's fault."""
        began = monotonic()
        try:
            self._socket.settimeout(self._limits.idle_seconds)
            count = receive()
        except OSError as error:
            raise Gone from error
        if not count:
            raise Gone
        self._waited += monotonic() - began
        self._came += count
        if self._came >= self._limits.least_bytes:
            self._waited, self._came = 0.0, 0
        elif self._waited > self._limits.idle_seconds:
            raise Gone
        return count

    def _receive(self, seconds: float) -> int:
        """How much more came; none where the client ended the connection."""
        if seconds <= 0:
            raise Gone
        try:
            self._socket.settimeout(seconds)
            piece = self._socket.recv(_PIECE)
        except OSError as error:
            raise Gone from error
        self._ahead += piece
        return len(piece)

    def _require_short_head(self, length: int) -> None:
        if length > self._limits.head_bytes:
            raise Refusal(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "UNSUPPORTED",
                f"a request's head may have {self._limits.head_bytes} bytes",
            )

    def _require_short_line(self, length: int) -> None:
        if length > _LONGEST_LINE:
            raise bad_request("a chunk has no proper size")

    def _taken(self, count: int) -> bytes:
        taken = bytes(self._ahead[:count])
        del self._ahead[:count]
        return taken

"""Answers that must keep coming."""

from __future__ import annotations

import io
import socket
from http.client import HTTPResponse
from time import monotonic
from typing import Any

MINIMUM_RATE = 512
"""Bytes a second, over the socket's time-out. Less is a stall."""


class PacedResponse(HTTPResponse):
    """Raises TimeoutError for a peer that drips, in the head of its answer as in the body.

    A socket's own time-out is about single reads, so a byte every few seconds never meets it.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._paced = _PacedSocket(self.fp.detach(), sock.gettimeout() or 0.0)
        self.fp = io.BufferedReader(self._paced)


class _PacedSocket(io.RawIOBase):
    """Only time spent waiting counts: how long we take ourselves is not the peer's fault."""

    def __init__(self, raw: io.RawIOBase, window: float) -> None:
        self._raw = raw
        self._window = window
        self._least = int(window * MINIMUM_RATE)
        self._waited = 0.0
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        began = monotonic()
        count = self._raw.readinto(buffer) or 0
        if self._count:
            # The first read of each window may wait for as long as the socket lets it.
            self._waited += monotonic() - began
        self._count += count
        if self._count >= self._least:
            self._waited, self._count = 0.0, 0
        elif self._waited > self._window:
            raise TimeoutError(f"less than {self._least} bytes came in {self._window:g} seconds")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()

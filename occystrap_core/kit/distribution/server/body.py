"""The body of a request, read once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Protocol

from occystrap_core.kit.distribution.server.head import Head
from occystrap_core.kit.distribution.server.refusal import Refusal, bad_request
from occystrap_core.kit.distribution.server.wire import Wire

_PIECE = 256 * 1024
_WORTH_READING = 256 * 1024
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


class Body(Protocol):
    """`length` is what the client announced; None where it did not."""

    @property
    def length(self) -> int | None: ...

    def chunks(self) -> Iterator[memoryview]:
        """The whole body, to be asked for once. A chunk is valid until the next one is asked for."""
        ...


def read_all(body: Body, limit: int, what: str) -> bytes:
    """A small body; nothing of one that is announced as too long is read."""
    if body.length is not None and body.length > limit:
        raise too_large(what, limit)
    collected = bytearray()
    for chunk in body.chunks():
        collected += chunk
        if len(collected) > limit:
            raise too_large(what, limit)
    return bytes(collected)


def too_large(what: str, limit: int) -> Refusal:
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "SIZE_INVALID", f"{what} may have {limit} bytes")


class WireBody:
    """A body as it comes in, of announced length or in chunks."""

    def __init__(self, wire: Wire, head: Head) -> None:
        self._wire = wire
        self.length = head.length
        self._left = head.length or 0
        self._in_chunks = head.length is None
        self._to_encourage = head.expects_continue
        self._in_step = True

    def chunks(self) -> Iterator[memoryview]:
        view = memoryview(bytearray(_PIECE if self._in_chunks else min(_PIECE, self._left)))
        while True:
            self._in_step = False
            count = self._fill(view)
            self._in_step = True
            if not count:
                return
            yield view[:count]

    def may_finish(self) -> bool:
        """Whether what nobody read so far is little enough to be read for the sake of the next request."""
        if not self._in_step:
            return False
        if not self._left and not self._in_chunks:
            return True
        return not self._to_encourage and not self._in_chunks and self._left <= _WORTH_READING

    def finish(self) -> None:
        for _ in self.chunks():
            pass

    def _fill(self, view: memoryview) -> int:
        self._encourage()
        filled = 0
        while filled < len(view) and self._has_more():
            count = self._wire.read_into(view[filled : filled + self._left])
            self._left -= count
            filled += count
            if self._in_chunks and not self._left:
                self._end_chunk()
        return filled

    def _has_more(self) -> bool:
        if self._in_chunks and not self._left:
            self._left = self._chunk_size()
            if not self._left:
                self._in_chunks = False
                self._end_chunk()  # trailers would be more than the empty line
        return self._left > 0

    def _chunk_size(self) -> int:
        line = self._wire.line()
        if not _CHUNK_SIZE.fullmatch(line):
            raise bad_request("a chunk has no proper size")
        return int(line, 16)

    def _end_chunk(self) -> None:
        if self._wire.line():
            raise bad_request("a chunk does not end where it should")

    def _encourage(self) -> None:
        """A client that asked whether it may send waits for this before it does."""
        if self._to_encourage:
            self._to_encourage = False
            self._wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")

"""Chunks of any size in, exactly as many bytes as asked for out."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts.input import Chunk


class Feed:
    """`buffer[position:]` is what has arrived and is not read yet."""

    __slots__ = ("_before", "_chunks", "buffer", "position")

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = iter(chunks)
        self._before = 0
        self.buffer = b""
        self.position = 0

    @property
    def offset(self) -> int:
        """How many bytes of the stream have been read."""
        return self._before + self.position

    def piece(self, limit: int) -> Chunk:
        """What is at hand of the next `limit` bytes, at least one; empty at the end of the stream."""
        start, end = self.position, len(self.buffer)
        if start == end:
            if not self._refill():
                return b""
            start, end = 0, len(self.buffer)
        if end - start <= limit:
            self.position = end
            return memoryview(self.buffer)[start:] if start else self.buffer
        self.position = start + limit
        return memoryview(self.buffer)[start : self.position]

    def take(self, count: int) -> bytes:
        """The next `count` bytes; fewer only at the end of the stream."""
        start = self.position
        end = start + count
        if end <= len(self.buffer):
            self.position = end
            return self.buffer[start:end]
        pieces = []
        while count and (piece := self.piece(count)):
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def skip(self, count: int) -> int:
        """Passes over `count` bytes; says how many were missing."""
        while count:
            here = min(count, len(self.buffer) - self.position)
            self.position += here
            count -= here
            if count and not self._refill():
                break
        return count

    def _refill(self) -> bool:
        # A memoryview may be overwritten by its producer when the next chunk is asked for.
        for chunk in self._chunks:
            if len(chunk):
                self._before += len(self.buffer)
                self.buffer = chunk if type(chunk) is bytes else bytes(chunk)
                self.position = 0
                return True
        return False

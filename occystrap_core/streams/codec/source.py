"""Compressed bytes, asked for by count instead of taken as they come."""

from __future__ import annotations

from collections.abc import Iterator

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import CorruptStream
from occystrap_core.streams.codec.limits import Meter


class Source:
    """Running out of bytes is a CorruptStream; `has_more` asks beforehand.

    What `part` gives is valid until the next call.
    """

    __slots__ = ("_chunks", "_data", "_meter", "_start", "_what")

    def __init__(self, chunks: Iterator[Chunk], meter: Meter, what: str) -> None:
        self._chunks = chunks
        self._meter = meter
        self._what = what
        self._data = memoryview(b"")
        self._start = 0

    def has_more(self) -> bool:
        while self._start == len(self._data):
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._data, self._start = memoryview(chunk), 0
            self._meter.taken += len(chunk)
        return True

    def part(self, count: int) -> memoryview:
        """The next bytes, at least one and at most `count`."""
        if not self.has_more():
            raise CorruptStream(f"the {self._what} data is cut short")
        part = self._data[self._start : self._start + count]
        self._start += len(part)
        return part

    def parts(self, count: int) -> Iterator[memoryview]:
        while count:
            part = self.part(count)
            count -= len(part)
            yield part

    def exactly(self, count: int) -> bytes:
        return b"".join(self.parts(count))

    def at_hand(self) -> memoryview:
        """The next bytes without taking them: as many as there are in one piece, perhaps none."""
        return self._data[self._start :]

    def give_back(self, data: bytes) -> None:
        """The last bytes that were taken, to be given again."""
        if len(data) <= self._start:
            self._start -= len(data)
        else:  # some of them came with a chunk that is gone
            self._data, self._start = memoryview(data + self._data[self._start :]), 0

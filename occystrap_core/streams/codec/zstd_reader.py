"""Reading zstd: every frame up to the last byte, skippable ones included, or an error.

The frames are followed block by block. That shows where data was cut short, which libzstd's
stream readers pass over in silence, and bounds what one call may give.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

import zstandard

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import CorruptStream, LimitExceeded
from occystrap_core.streams.codec import zstd_format
from occystrap_core.streams.codec.limits import InflateLimits, Meter
from occystrap_core.streams.reading import reading

_PIECE = 4 * zstd_format.LARGEST_BLOCK


def inflate_zstd(chunks: Iterable[Chunk], limits: InflateLimits) -> Generator[bytes, None, None]:
    meter = Meter(limits)
    decompressor = zstandard.ZstdDecompressor(max_window_size=limits.max_window)
    with reading(chunks) as incoming:
        source = _Source(incoming, meter)
        try:
            for piece in _frames(source, decompressor, limits):
                meter.passed(len(piece))
                yield piece
        except zstandard.ZstdError as error:
            raise CorruptStream(f"the zstd data is damaged: {error}") from error


class _Source:
    """The compressed bytes, asked for by count."""

    __slots__ = ("_chunks", "_data", "_meter", "_start")

    def __init__(self, chunks: Iterator[Chunk], meter: Meter) -> None:
        self._chunks = chunks
        self._meter = meter
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
            raise CorruptStream("the zstd data is cut short")
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

    def blocks(self, room: int) -> tuple[memoryview, bool]:
        """The blocks that lie at hand as a whole and give about `room` bytes; whether the last one is among them."""
        start = self._start
        self._start, last = zstd_format.whole_blocks(self._data, start, room)
        return self._data[start : self._start], last


def _frames(source: _Source, decompressor: zstandard.ZstdDecompressor, limits: InflateLimits) -> Iterator[bytes]:
    while True:
        magic = source.exactly(4)
        if zstd_format.is_skippable(magic):
            _skip(source)
        elif magic == zstd_format.MAGIC:
            yield from _frame(source, decompressor, limits)
        else:
            raise CorruptStream("the zstd data is damaged: no frame begins where one should")
        if not source.has_more():
            return


def _skip(source: _Source) -> None:
    for _ in source.parts(int.from_bytes(source.exactly(4), "little")):
        pass


def _frame(source: _Source, decompressor: zstandard.ZstdDecompressor, limits: InflateLimits) -> Iterator[bytes]:
    first = source.exactly(1)
    rest = source.exactly(zstd_format.header_length(first[0]))
    window = zstd_format.window_size(first[0], rest)
    if window > limits.max_window:
        raise LimitExceeded(f"a zstd frame asks for a window of {window} bytes, the limit is {limits.max_window}")
    frame = decompressor.decompressobj(write_size=_PIECE)
    frame.decompress(zstd_format.MAGIC + first + rest)
    last = False
    while not last:
        blocks, last = source.blocks(_PIECE)
        if blocks:
            yield frame.decompress(blocks)
        else:
            last = yield from _scattered_block(source, frame)
    if zstd_format.has_checksum(first[0]):
        frame.decompress(source.exactly(zstd_format.CHECKSUM_LENGTH))
    if not frame.eof:
        raise CorruptStream("the zstd data is damaged: a frame does not end where it should")


def _scattered_block(source: _Source, frame: zstandard.ZstdDecompressionObj) -> Generator[bytes, None, bool]:
    """A block that lies in several chunks. Returns whether it was the frame's last."""
    header = source.exactly(zstd_format.BLOCK_HEADER_LENGTH)
    stored, _, last = zstd_format.block(header)
    yield frame.decompress(header)
    for part in source.parts(stored):
        yield frame.decompress(part)
    return last

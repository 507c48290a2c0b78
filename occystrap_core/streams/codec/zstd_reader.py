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
from occystrap_core.streams.codec.large_windows import LARGE, WindowTurn
from occystrap_core.streams.codec.limits import InflateLimits, Meter
from occystrap_core.streams.codec.notes import StreamNotes
from occystrap_core.streams.codec.source import Source
from occystrap_core.streams.reading import reading

_PIECE = 4 * zstd_format.LARGEST_BLOCK


def inflate_zstd(chunks: Iterable[Chunk], limits: InflateLimits, notes: StreamNotes) -> Generator[bytes, None, None]:
    meter = Meter(limits)
    decompressor = zstandard.ZstdDecompressor(max_window_size=limits.max_window)
    with reading(chunks) as incoming, WindowTurn() as turn:
        source = Source(incoming, meter, "zstd")
        try:
            for piece in filter(None, _frames(source, decompressor, limits, notes, turn)):
                turn.moved()
                meter.passed(len(piece))
                yield piece
        except zstandard.ZstdError as error:
            raise CorruptStream(f"the zstd data is damaged: {error}") from error


def _frames(
    source: Source,
    decompressor: zstandard.ZstdDecompressor,
    limits: InflateLimits,
    notes: StreamNotes,
    turn: WindowTurn,
) -> Iterator[bytes]:
    while True:
        notes.trailing_junk = notes.members > 0
        magic = source.exactly(4)
        notes.trailing_junk &= magic != zstd_format.MAGIC and not zstd_format.is_skippable(magic)
        if zstd_format.is_skippable(magic):
            notes.skippable_first |= not notes.members
            _skip(source)
        elif magic == zstd_format.MAGIC:
            notes.members += 1
            yield from _frame(source, decompressor, limits, notes, turn)
        else:
            raise CorruptStream("the zstd data is damaged: no frame begins where one should")
        if not source.has_more():
            return


def _skip(source: Source) -> None:
    for _ in source.parts(int.from_bytes(source.exactly(4), "little")):
        pass


def _frame(
    source: Source,
    decompressor: zstandard.ZstdDecompressor,
    limits: InflateLimits,
    notes: StreamNotes,
    turn: WindowTurn,
) -> Iterator[bytes]:
    first = source.exactly(1)
    rest = source.exactly(zstd_format.header_length(first[0]))
    window = zstd_format.window_size(first[0], rest)
    notes.window = max(notes.window, window)
    if window > limits.max_window:
        raise LimitExceeded(f"a zstd frame asks for a window of {window} bytes, the limit is {limits.max_window}")
    if window > LARGE:
        turn.ask()
    frame = decompressor.decompressobj(write_size=_PIECE)
    frame.decompress(zstd_format.MAGIC + first + rest)
    last = False
    while not last:
        whole, last = zstd_format.whole_blocks(source.at_hand(), _PIECE)
        if whole:
            yield frame.decompress(source.part(whole))
        else:
            last = yield from _scattered_block(source, frame)
    if zstd_format.has_checksum(first[0]):
        frame.decompress(source.exactly(zstd_format.CHECKSUM_LENGTH))
    if not frame.eof:
        raise CorruptStream("the zstd data is damaged: a frame does not end where it should")


def _scattered_block(source: Source, frame: zstandard.ZstdDecompressionObj) -> Generator[bytes, None, bool]:
    """A block that lies in several chunks. Returns whether it was the frame's last."""
    header = source.exactly(zstd_format.BLOCK_HEADER_LENGTH)
    stored, _, last = zstd_format.block(header)
    yield frame.decompress(header)
    for part in source.parts(stored):
        yield frame.decompress(part)
    return last

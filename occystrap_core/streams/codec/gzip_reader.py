"""Reading gzip: every member up to the last byte, or an error, as Go's compress/gzip does."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import cast

from isal import igzip_lib

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import CorruptStream
from occystrap_core.streams.codec.limits import InflateLimits, Meter
from occystrap_core.streams.reading import reading

_PIECE = 512 << 10
_SLICE = 64 << 10  # what follows a member's end is copied, so a stream of tiny members must not find much there
_DAMAGED = cast(type[Exception], igzip_lib.IsalError)


def inflate_gzip(chunks: Iterable[Chunk], limits: InflateLimits) -> Generator[bytes, None, None]:
    meter = Meter(limits)
    members = _Members()
    with reading(chunks) as incoming:
        for data in _slices(incoming):
            meter.taken += len(data)
            for piece in members.inflated(data):
                meter.passed(len(piece))
                yield piece
    members.finish()


def _slices(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        whole = memoryview(chunk)
        for start in range(0, len(whole), _SLICE):
            yield whole[start : start + _SLICE]


class _Members:
    """One after the other; `_member` is the one being read, None between two."""

    __slots__ = ("_any", "_member")

    def __init__(self) -> None:
        self._member: igzip_lib.IgzipDecompressor | None = None
        self._any = False

    def inflated(self, data: Chunk) -> Iterator[bytes]:
        """What `data` gives, which may end one member, hold several and begin another."""
        while len(data):
            member = self._member = self._member or igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
            yield from _inflated(member, data)
            if not member.eof:
                return
            self._member, self._any = None, True
            data = member.unused_data

    def finish(self) -> None:
        if self._member is not None or not self._any:
            raise CorruptStream("the gzip data is cut short")


def _inflated(member: igzip_lib.IgzipDecompressor, data: Chunk) -> Iterator[bytes]:
    decompress = member.decompress
    try:
        piece = decompress(data, _PIECE)
        while not (member.needs_input or member.eof):
            yield piece
            piece = decompress(b"", _PIECE)
    except _DAMAGED as error:
        raise CorruptStream(f"the gzip data is damaged: {error}") from error
    yield piece

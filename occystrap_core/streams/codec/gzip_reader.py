"""Reading gzip: every member up to the last byte, or an error, as Go's compress/gzip does.

Headers and trailers are read here: isal loses its place in a header with optional fields
that arrives in pieces.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterable, Iterator
from typing import cast

from isal import igzip_lib, isal_zlib

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import CorruptStream
from occystrap_core.streams.codec.limits import InflateLimits, Meter
from occystrap_core.streams.codec.notes import StreamNotes
from occystrap_core.streams.codec.source import Source
from occystrap_core.streams.reading import reading

_PIECE = 512 << 10
_PART = 128 << 10  # what follows a member's end is copied, so a stream of tiny members must not find much there
_MAGIC = b"\x1f\x8b\x08"
_HEADER_CHECKSUM, _EXTRA, _NAME, _COMMENT = 2, 4, 8, 16
_LONGEST_TEXT = 512  # Go reads no longer one
_INFLATE_ERROR = cast(type[Exception], igzip_lib.IsalError)


def inflate_gzip(chunks: Iterable[Chunk], limits: InflateLimits, notes: StreamNotes) -> Generator[bytes, None, None]:
    meter = Meter(limits)
    with reading(chunks) as incoming:
        source = Source(incoming, meter, "gzip")
        for piece in filter(None, _members(source, notes)):
            meter.passed(len(piece))
            yield piece


def _members(source: Source, notes: StreamNotes) -> Iterator[bytes]:
    while True:
        notes.trailing_junk = notes.members > 0
        _read_magic(source)
        notes.trailing_junk = False
        _read_header(source)
        notes.members += 1
        yield from _member(source)
        if not source.has_more():
            return


def _read_magic(source: Source) -> None:
    if source.exactly(3) != _MAGIC:
        raise _damaged("no member begins where one should")


def _read_header(source: Source) -> None:
    header = _MAGIC
    header += source.exactly(7)
    flags = header[3]
    if flags & _EXTRA:
        length = source.exactly(2)
        header += length + source.exactly(int.from_bytes(length, "little"))
    for text in (_NAME, _COMMENT):
        if flags & text:
            header += _terminated_text(source)
    if flags & _HEADER_CHECKSUM and int.from_bytes(source.exactly(2), "little") != zlib.crc32(header) & 0xFFFF:
        raise _damaged("a header has another checksum")


def _terminated_text(source: Source) -> bytes:
    text = b""
    while not text.endswith(b"\0"):
        if len(text) == _LONGEST_TEXT:
            raise _damaged("a name in a header does not end")
        text += source.exactly(1)
    return text


def _member(source: Source) -> Iterator[bytes]:
    crc = size = 0
    for piece in _inflated(source):
        crc = isal_zlib.crc32(piece, crc)
        size += len(piece)
        yield piece
    trailer = source.exactly(8)
    if int.from_bytes(trailer[:4], "little") != crc:
        raise _damaged("its content has another checksum")
    if int.from_bytes(trailer[4:], "little") != size & 0xFFFFFFFF:
        raise _damaged("its content has another length")


def _inflated(source: Source) -> Iterator[bytes]:
    inflater = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE)
    decompress = inflater.decompress
    try:
        while not inflater.eof:
            yield decompress(source.part(_PART) if inflater.needs_input else b"", _PIECE)
    except _INFLATE_ERROR as error:
        raise _damaged(str(error)) from error
    source.give_back(inflater.unused_data)


def _damaged(why: str) -> CorruptStream:
    return CorruptStream(f"the gzip data is damaged: {why}")

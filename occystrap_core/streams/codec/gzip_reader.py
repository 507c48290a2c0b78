"""Reading gzip: every member up to the last byte, or an error, as Go's compress/gzip does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from isal import isal_zlib

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import CorruptStream
from occystrap_core.streams.codec.limits import InflateLimits

PIECE = 512 << 10
_GZIP_WBITS = 31


def inflate_gzip(chunks: Iterable[Chunk], limits: InflateLimits) -> Iterator[bytes]:
    compressed = uncompressed = 0
    member = None
    complete = False
    for chunk in chunks:
        compressed += len(chunk)
        data: Chunk = chunk
        piece = b""
        while len(data) or len(piece) == PIECE:
            if member is None:
                member, complete = isal_zlib.decompressobj(_GZIP_WBITS), False
            try:
                piece = member.decompress(data, PIECE)
            except isal_zlib.IsalError as error:
                raise CorruptStream(f"the gzip data is damaged: {error}") from error
            if piece:
                uncompressed += len(piece)
                limits.check(compressed, uncompressed)
                yield piece
            if member.eof:
                data, member, complete, piece = member.unused_data, None, True, b""
            else:
                data = member.unconsumed_tail
    if not complete:
        raise CorruptStream("the gzip data is cut short")

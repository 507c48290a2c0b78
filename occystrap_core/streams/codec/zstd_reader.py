"""Reading zstd: every frame up to the last byte, skippable ones included, or an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import zstandard

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import CorruptStream
from occystrap_core.streams.codec.limits import InflateLimits


def inflate_zstd(chunks: Iterable[Chunk], limits: InflateLimits) -> Iterator[bytes]:
    compressed = uncompressed = 0
    decompressor = zstandard.ZstdDecompressor(max_window_size=limits.max_window)
    frame = None
    complete = False
    for chunk in chunks:
        compressed += len(chunk)
        data: Chunk = chunk
        while len(data):
            if frame is None:
                frame, complete = decompressor.decompressobj(), False
            try:
                piece = frame.decompress(data)
            except zstandard.ZstdError as error:
                raise CorruptStream(f"the zstd data is damaged: {error}") from error
            if piece:
                uncompressed += len(piece)
                limits.check(compressed, uncompressed)
                yield piece
            if frame.eof:
                data, frame, complete = frame.unused_data, None, True
            else:
                data = b""
    if not complete:
        raise CorruptStream("the zstd data is cut short")

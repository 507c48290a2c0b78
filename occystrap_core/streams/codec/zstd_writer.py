"""Writing zstd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import zstandard

from occystrap_core.contracts.input import Chunk

LEVEL = 3
VERSION = f"zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))} level {LEVEL} threaded"


def deflate_zstd(chunks: Iterable[Chunk], threads: int) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(
        level=LEVEL,
        threads=max(threads, 1),  # without worker threads libzstd makes other bytes
        write_checksum=True,
        write_content_size=False,
    ).compressobj()
    for chunk in chunks:
        piece = compressor.compress(chunk)
        if piece:
            yield piece
    yield compressor.flush()

"""Compression as container layers use it: gzip and zstd in and out, in bounded memory.

The libraries behind it are loaded when a stream is first read, not on import.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec.limits import DEFAULT_LIMITS, InflateLimits
from occystrap_core.streams.codec.notes import StreamNotes
from occystrap_core.streams.codec.sniff import sniff
from occystrap_core.streams.reading import reading

__all__ = ["DEFAULT_LIMITS", "InflateLimits", "StreamNotes", "codec_version", "deflate", "inflate", "sniff"]


def inflate(
    chunks: Iterable[Chunk],
    compression: Compression,
    limits: InflateLimits = DEFAULT_LIMITS,
    notes: StreamNotes | None = None,
) -> Generator[Chunk, None, None]:
    """The uncompressed bytes, to the end of the last gzip member or zstd frame.

    Raises CorruptStream for data that is damaged, cut short or followed by anything else,
    LimitExceeded for what is larger than `limits`. Pieces are at most 1 MiB, whatever the ratio.
    Compression.NONE hands `chunks` on as they are. `notes` is filled in while the stream is read.
    """
    if compression is Compression.GZIP:
        from occystrap_core.streams.codec.gzip_reader import inflate_gzip

        return inflate_gzip(chunks, limits, notes or StreamNotes())
    if compression is Compression.ZSTD:
        from occystrap_core.streams.codec.zstd_reader import inflate_zstd

        return inflate_zstd(chunks, limits, notes or StreamNotes())
    return _unchanged(chunks)


def deflate(chunks: Iterable[Chunk], compression: Compression, *, threads: int = 2) -> Generator[Chunk, None, None]:
    """The compressed bytes: the same ones for any number of threads and any cutting of the input.

    The threads end with the iterator, also when it is closed early or raises.
    Compression.NONE hands `chunks` on as they are.
    """
    if compression is Compression.GZIP:
        from occystrap_core.streams.codec.gzip_writer import deflate_gzip

        return deflate_gzip(chunks, threads)
    if compression is Compression.ZSTD:
        from occystrap_core.streams.codec.zstd_writer import deflate_zstd

        return deflate_zstd(chunks, threads)
    return _unchanged(chunks)


def codec_version(compression: Compression) -> str:
    """What the bytes of `deflate` depend on besides its input: two equal answers mean equal bytes."""
    if compression is Compression.GZIP:
        from occystrap_core.streams.codec import gzip_writer

        return gzip_writer.VERSION
    if compression is Compression.ZSTD:
        from occystrap_core.streams.codec import zstd_writer

        return zstd_writer.VERSION
    return "none"


def _unchanged(chunks: Iterable[Chunk]) -> Generator[Chunk, None, None]:
    with reading(chunks) as incoming:
        yield from incoming

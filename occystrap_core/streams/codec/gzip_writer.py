"""Writing gzip in blocks that do not depend on each other's results, so that threads can share them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from isal import isal_zlib
from zlib_ng import zlib_ng

from occystrap_core.contracts.input import Chunk

LEVEL = 3
BLOCK = 1 << 20
_DICTIONARY = 32 << 10
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
VERSION = f"gzip zlib-ng {zlib_ng.ZLIBNG_VERSION} level {LEVEL} blocks {BLOCK}"


def deflate_gzip(chunks: Iterable[Chunk], threads: int) -> Iterator[bytes]:
    yield _HEADER
    crc = size = 0
    pending = bytearray()
    dictionary = b""
    for chunk in chunks:
        crc = isal_zlib.crc32(chunk, crc)
        size += len(chunk)
        pending += chunk
        while len(pending) >= BLOCK:
            block = bytes(pending[:BLOCK])
            del pending[:BLOCK]
            yield _compressed(block, dictionary, zlib_ng.Z_SYNC_FLUSH)
            dictionary = block[-_DICTIONARY:]
    yield _compressed(bytes(pending), dictionary, zlib_ng.Z_FINISH)
    yield crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _compressed(block: bytes, dictionary: bytes, flush: int) -> bytes:
    if dictionary:
        deflater = zlib_ng.compressobj(LEVEL, zlib_ng.DEFLATED, -15, zdict=dictionary)
    else:
        deflater = zlib_ng.compressobj(LEVEL, zlib_ng.DEFLATED, -15)
    result: bytes = deflater.compress(block) + deflater.flush(flush)
    return result

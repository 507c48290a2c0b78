"""An archive that is compressed as a whole: .gz, .zst, .xz or .bz2, known by its first bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import CorruptStream
from occystrap_core.streams.codec import DEFAULT_LIMITS, inflate, sniff
from occystrap_core.streams.codec.limits import Meter

_XZ, _BZIP2 = b"\xfd7zXZ\0", b"BZh"
_PIECE = 256 << 10
_XZ_MEMORY = 256 << 20  # xz -9 asks for 65 MiB


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def unpacked(head: bytes, chunks: Iterable[bytes]) -> Iterator[Chunk] | None:
    """The uncompressed bytes of `chunks`, which begin with `head`; None where they are not compressed."""
    if compression := sniff(head):
        return inflate(chunks, compression)
    if foreign := foreign_compression(head):
        return _unpacked(_xz if foreign == "xz" else _bzip2, foreign, chunks)
    return None


def foreign_compression(head: bytes) -> str:
    """The name of a compression that whole archives may have and layers may not; else empty."""
    if head.startswith(_XZ):
        return "xz"
    return "bzip2" if head.startswith(_BZIP2) else ""


def _xz() -> _Decompressor:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _bzip2() -> _Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


def _unpacked(make: Callable[[], _Decompressor], name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Every stream of `chunks`, one after the other."""
    decompressor, meter = make(), Meter(DEFAULT_LIMITS)
    for chunk in chunks:
        meter.taken += len(chunk)
        data = chunk
        while True:
            if decompressor.eof:
                data = data.lstrip(b"\0")  # between and after its streams, xz allows zeros
                if not data:
                    break
                decompressor = make()
            piece = _decompressed(decompressor, data, name)
            data = decompressor.unused_data
            meter.passed(len(piece))
            yield piece
            if decompressor.needs_input:
                break
    if not decompressor.eof:
        raise CorruptStream(f"the {name} data is cut short")


def _decompressed(decompressor: _Decompressor, data: bytes, name: str) -> bytes:
    from lzma import LZMAError

    try:
        return decompressor.decompress(data, _PIECE)
    except (LZMAError, OSError) as error:
        raise CorruptStream(f"the {name} data is damaged: {error}") from None

"""The content of a regular file, holes left as holes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from zlib import crc32

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import LimitExceeded
from occystrap_core.model.shown import shown
from occystrap_core.streams.tar import TarEntry
from occystrap_core.streams.tar.sparse import Fragments, pairs

SPARSE_LIMIT = 1 << 40


def write_body(descriptor: int, entry: TarEntry) -> None:
    if entry.fragments is not None:
        _write_sparse(descriptor, entry, entry.fragments, entry.body)
    else:
        _write(descriptor, entry.source.pieces(entry.turn, entry.stored_size))


def write_and_sum(descriptor: int, entry: TarEntry) -> int:
    """As write_body; the CRC-32 of what the archive stores of the file."""
    pieces = _Summed(entry.source.pieces(entry.turn, entry.stored_size)) if entry.stored_size else _Summed(())
    if entry.fragments is not None:
        _write_sparse(descriptor, entry, entry.fragments, pieces)
    else:
        _write(descriptor, pieces)
    return pieces.found


class _Summed:
    def __init__(self, pieces: Iterable[Chunk]) -> None:
        self._pieces = pieces
        self.found = 0

    def __iter__(self) -> Iterator[Chunk]:
        found = 0
        for piece in self._pieces:
            self.found = found = crc32(piece, found)
            yield piece


def _write(descriptor: int, pieces: Iterable[Chunk]) -> None:
    write = os.write
    for piece in pieces:
        written = write(descriptor, piece)
        if written != len(piece):
            _write_rest(descriptor, memoryview(piece)[written:])


def _write_rest(descriptor: int, rest: memoryview) -> None:
    """What one call did not take: a disk that is full says so now."""
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _write_sparse(descriptor: int, entry: TarEntry, fragments: Fragments, body: Iterable[Chunk]) -> None:
    if entry.size > SPARSE_LIMIT:
        raise LimitExceeded(
            f"{shown(entry.name)} is a sparse file of {entry.size} bytes, more than the limit of {SPARSE_LIMIT}"
        )
    os.ftruncate(descriptor, entry.size)
    pieces, left = iter(body), memoryview(b"")
    for offset, length in pairs(fragments):
        while length:
            left = left or memoryview(next(pieces))
            count = os.pwrite(descriptor, left[:length], offset)
            left, offset, length = left[count:], offset + count, length - count

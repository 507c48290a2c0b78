"""The content of a regular file, holes left as holes."""

from __future__ import annotations

import os

from occystrap_core.model.errors import LimitExceeded
from occystrap_core.model.shown import shown
from occystrap_core.streams.tar import TarEntry
from occystrap_core.streams.tar.sparse import Fragments, pairs

SPARSE_LIMIT = 1 << 40


def write_body(descriptor: int, entry: TarEntry) -> None:
    if entry.fragments is not None:
        _write_sparse(descriptor, entry, entry.fragments)
        return
    write = os.write
    for piece in entry.source.pieces(entry.turn, entry.stored_size):
        written = write(descriptor, piece)
        if written != len(piece):
            _write_rest(descriptor, memoryview(piece)[written:])


def _write_rest(descriptor: int, rest: memoryview) -> None:
    """What one call did not take: a disk that is full says so now."""
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _write_sparse(descriptor: int, entry: TarEntry, fragments: Fragments) -> None:
    if entry.size > SPARSE_LIMIT:
        raise LimitExceeded(
            f"{shown(entry.name)} is a sparse file of {entry.size} bytes, more than the limit of {SPARSE_LIMIT}"
        )
    os.ftruncate(descriptor, entry.size)
    pieces, left = iter(entry.body), memoryview(b"")
    for offset, length in pairs(fragments):
        while length:
            left = left or memoryview(next(pieces))
            count = os.pwrite(descriptor, left[:length], offset)
            left, offset, length = left[count:], offset + count, length - count

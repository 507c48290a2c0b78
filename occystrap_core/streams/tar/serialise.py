"""Entries back to an archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_core.contracts.entry import Entry
from occystrap_core.contracts.input import Chunk
from occystrap_core.streams.tar.bodies import exactly
from occystrap_core.streams.tar.entry import TarEntry
from occystrap_core.streams.tar.header import BLOCK
from occystrap_core.streams.tar.segments import padding_of

CHUNK = 256 * 1024
_LARGE = 64 * 1024


def serialise(entries: Iterable[Entry], trailer: Iterable[bytes]) -> Iterator[bytes]:
    """The archive in chunks of about 256 KiB; the pieces of a large body pass as they come.

    An entry that still is as its reader gave it comes out byte for byte, padding included:
    that of a last entry which the archive's end cuts short is completed only if others follow.
    """
    return _coalesced(_parts(entries, trailer))


def _parts(entries: Iterable[Entry], trailer: Iterable[bytes]) -> Iterator[Chunk]:
    missing = 0
    for entry in entries:
        if missing:
            yield bytes(missing)
        raw = entry.raw
        yield raw
        missing = -len(raw) & (BLOCK - 1)
        if size := entry.stored_size:
            if type(entry) is TarEntry:
                whole = entry.source.whole(entry.turn, size)
                if whole is not None:
                    yield whole
                else:
                    yield from entry.source.pieces(entry.turn, size)
                    padding = entry.source.padding(entry.turn)
                    yield padding
                    missing = padding_of(size) - len(padding)
            else:
                yield from exactly(entry.body, size)
                yield bytes(padding_of(size))
    yield from trailer


def _coalesced(parts: Iterable[Chunk]) -> Iterator[bytes]:
    small: list[bytes] = []
    held = 0
    for part in parts:
        size = len(part)
        if size >= _LARGE:
            if held:
                yield b"".join(small)
                small.clear()
                held = 0
            yield part if type(part) is bytes else bytes(part)
            continue
        small.append(part if type(part) is bytes else bytes(part))
        held += size
        if held >= CHUNK:
            yield b"".join(small)
            small.clear()
            held = 0
    if held:
        yield b"".join(small)

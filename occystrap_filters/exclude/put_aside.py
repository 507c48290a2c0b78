"""The excluded entries of one layer, kept as long as a hard link may still ask for them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from pathlib import Path

from occystrap_core.contracts import Entry
from occystrap_core.streams.path_numbers import PathNumbers
from occystrap_core.streams.spool import Spool
from occystrap_core.streams.tar import TarReader, serialise

_IN_MEMORY = 2 << 20
_FIRST_PIECE, _PIECE = 4 << 10, 256 << 10


class PutAside:
    """Entries as they stand in an archive: in memory while they are few and small, else in a file without a name.

    Entries come by the hundred thousand, so of each only its place is kept.
    """

    def __init__(self, temp_dir: Path | None) -> None:
        self._temp_dir = temp_dir
        self._buffer = bytearray()
        self._spool: Spool | None = None
        self._places = PathNumbers()

    def put(self, path: bytes, entry: Entry) -> None:
        """Keep an entry under `path`; reads its body."""
        self._places.add(path, self._end)
        for chunk in serialise((entry,), ()):
            self._write(chunk)

    def get(self, path: bytes) -> Entry | None:
        """The latest entry put under `path`; its body may be read as long as this object is open."""
        for place in self._places.latest_first(path):
            entry: Entry = next(iter(TarReader(self._chunks(place))))
            if entry.path == path:
                return entry
        return None

    def close(self) -> None:
        self._buffer.clear()
        self._places = PathNumbers()
        if self._spool is not None:
            self._spool.close()

    @property
    def _flushed(self) -> int:
        return self._spool.size if self._spool is not None else 0

    @property
    def _end(self) -> int:
        return self._flushed + len(self._buffer)

    def _write(self, chunk: bytes) -> None:
        self._buffer += chunk
        if len(self._buffer) > _IN_MEMORY:
            self._open_spool().write(bytes(self._buffer))
            self._buffer.clear()

    def _open_spool(self) -> Spool:
        if self._spool is None:
            self._spool = Spool(self._temp_dir)
            # A pass that fails or starts again drops its transform without a word.
            weakref.finalize(self, self._spool.close)
        return self._spool

    def _chunks(self, place: int) -> Iterator[bytes]:
        size = _FIRST_PIECE
        while chunk := self._read(place, size):
            yield chunk
            place += len(chunk)
            size = _PIECE

    def _read(self, place: int, size: int) -> bytes:
        flushed = self._flushed
        if self._spool is not None and place < flushed:
            return os.pread(self._spool.fileno(), min(size, flushed - place), place)
        return bytes(self._buffer[place - flushed : place - flushed + size])

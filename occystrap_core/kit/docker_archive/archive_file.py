"""The bytes of an archive, wherever they come from, as something that can be read at any place."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.outer import unpacked
from occystrap_core.model.errors import CorruptStream, NotFound, UsageError
from occystrap_core.streams.spool import Spool

STANDARD_INPUT = Path("-")
_PIECE = 256 << 10


class ArchiveFile:
    """`path` is set where the archive is a regular file. Read by any number of threads at once."""

    __slots__ = ("_descriptor", "_spool", "path", "size", "what")

    def __init__(self, descriptor: int, size: int, what: str, path: Path | None = None) -> None:
        self._descriptor = descriptor
        self._spool: Spool | None = None
        self.size = size
        self.what = what
        self.path = path

    @classmethod
    def spooled(cls, spool: Spool, what: str, path: Path | None) -> ArchiveFile:
        file = cls(spool.fileno(), spool.size, what, path)
        file._spool = spool
        return file

    def read(self, offset: int, count: int) -> bytes:
        """What lies there: shorter than asked for only at the end."""
        return os.pread(self._descriptor, count, offset)

    def chunks(self, offset: int, size: int) -> Iterator[Chunk]:
        """Views of one buffer, which the next chunk overwrites."""
        buffer = bytearray(min(size, _PIECE))
        view, fill, end = memoryview(buffer), os.preadv, offset + size
        while offset < end:
            count = fill(self._descriptor, [view[: end - offset]], offset)
            if not count:
                raise CorruptStream(f"{self.what} became shorter while it was read")
            yield view[:count]
            offset += count

    def close(self) -> None:
        if self._spool:
            self._spool.close()
        elif self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def open_archive_file(path: Path, temp_dir: Path | None) -> ArchiveFile:
    """Open `path`, or standard input for `-`. What is compressed, or a pipe, is put aside first."""
    descriptor, what = _open(path)
    try:
        kind = os.fstat(descriptor)
        if stat.S_ISDIR(kind.st_mode):
            raise UsageError(f"{path} is a directory", hint="ocidir:// and dir:// read images from directories")
        regular = stat.S_ISREG(kind.st_mode) and os.lseek(descriptor, 0, os.SEEK_CUR) == 0
        named = path if regular and path != STANDARD_INPUT else None
        stream = _stream(descriptor)
        head = next(stream, b"")
        inner = unpacked(head, chain((head,), stream))
        if inner is None and regular:
            file = ArchiveFile(descriptor, kind.st_size, what, named)
            descriptor = -1
            return file
        return _put_aside(chain((head,), stream) if inner is None else inner, what, named, temp_dir)
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _open(path: Path) -> tuple[int, str]:
    if path == STANDARD_INPUT:
        if sys.__stdin__ is None:
            raise UsageError("standard input is closed")
        return os.dup(0), "standard input"
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC), str(path)
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist") from None


def _stream(descriptor: int) -> Iterator[bytes]:
    while piece := os.read(descriptor, _PIECE):
        yield piece


def _put_aside(chunks: Iterator[Chunk], what: str, path: Path | None, temp_dir: Path | None) -> ArchiveFile:
    spool = Spool(temp_dir)
    try:
        spool.fill(chunks)
    except BaseException:
        spool.close()
        raise
    return ArchiveFile.spooled(spool, what, path)

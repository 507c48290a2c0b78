"""What an archive is written to: a file that can be gone back in, or a pipe that cannot."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol

from occystrap_core.contracts.input import Chunk
from occystrap_core.streams.atomic import AtomicFile
from occystrap_core.streams.spool import Spool

STANDARD_OUTPUT = Path("-")
_NO_SENDFILE = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOTSOCK})


class Target(Protocol):
    """Written by one thread at a time. `position` is its length so far; nothing exists before the first write."""

    position: int

    @property
    def is_seekable(self) -> bool: ...

    def write(self, chunk: Chunk) -> None: ...

    def append(self, spool: Spool) -> None: ...

    def patch(self, position: int, block: bytes) -> None: ...

    def rewind(self, position: int) -> None:
        """Forget everything from there on."""
        ...

    def commit(self) -> None: ...

    def abort(self) -> None: ...


class FileTarget:
    """Appears under its name at `commit`."""

    is_seekable = True

    def __init__(self, path: Path) -> None:
        self.position = 0
        self._path = path
        self._file: AtomicFile | None = None

    def write(self, chunk: Chunk) -> None:
        _write_all(self._descriptor, chunk, str(self._path))
        self.position += len(chunk)

    def append(self, spool: Spool) -> None:
        _copy(spool, self._descriptor, str(self._path))
        self.position += spool.size

    def patch(self, position: int, block: bytes) -> None:
        os.pwrite(self._descriptor, block, position)

    def rewind(self, position: int) -> None:
        os.ftruncate(self._descriptor, position)
        os.lseek(self._descriptor, position, os.SEEK_SET)
        self.position = position

    def commit(self) -> None:
        if self._file:
            self._file.commit()

    def abort(self) -> None:
        if self._file:
            self._file.abort()

    @property
    def _descriptor(self) -> int:
        if self._file is None:
            self._file = AtomicFile(self._path)
        return self._file.file.fileno()


class PipeTarget:
    """Standard output for `-`, or a device or a FIFO: what was written cannot be taken back."""

    is_seekable = False

    def __init__(self, path: Path) -> None:
        self.position = 0
        self._path = path
        self._what = "standard output" if path == STANDARD_OUTPUT else str(path)
        self._opened = -1

    def write(self, chunk: Chunk) -> None:
        _write_all(self._descriptor, chunk, self._what)
        self.position += len(chunk)

    def append(self, spool: Spool) -> None:
        _copy(spool, self._descriptor, self._what)
        self.position += spool.size

    def patch(self, position: int, block: bytes) -> None:
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE), self._what)

    def rewind(self, position: int) -> None:
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE), self._what)

    def commit(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self._opened >= 0:
            os.close(self._opened)
            self._opened = -1

    @property
    def _descriptor(self) -> int:
        if self._opened < 0:
            is_output = self._path == STANDARD_OUTPUT
            self._opened = os.dup(1) if is_output else os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        return self._opened


def _write_all(descriptor: int, chunk: Chunk, what: str) -> None:
    left = memoryview(chunk)
    try:
        while len(left):
            left = left[os.write(descriptor, left) :]
    except OSError as error:
        error.filename = what
        raise


def _copy(spool: Spool, descriptor: int, what: str) -> None:
    """In the kernel where it can do that."""
    done = 0
    try:
        while done < spool.size and (sent := os.sendfile(descriptor, spool.fileno(), done, spool.size - done)):
            done += sent
    except OSError as error:
        if error.errno not in _NO_SENDFILE:
            error.filename = what
            raise
    for piece in spool.chunks(done):
        _write_all(descriptor, piece, what)

"""Reading below a directory that may come from anybody.

No name leads out of it: not by `..`, not by an absolute path, not through a symbolic link.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import InvalidImage, LimitExceeded, NotFound
from occystrap_core.model.strict_json import MAX_BYTES
from occystrap_core.model.value import value

CHUNK_SIZE = 256 * 1024
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK, opening a FIFO that somebody put there would wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@value
class Folder:
    """Regular files below `path`, named with `/` between the components. Holds nothing open."""

    path: Path

    def open(self, name: str) -> FileIO:
        """The file, unbuffered. NotFound, or InvalidImage for what is no regular file inside."""
        parts = _components(name)
        directory = _open_root(self.path)
        try:
            for part in parts[:-1]:
                below = self._step(part, _DIRECTORY | os.O_NOFOLLOW, directory, name)
                os.close(directory)
                directory = below
            return self._regular(self._step(parts[-1], _FILE, directory, name), name)
        finally:
            os.close(directory)

    def listing(self, pattern: str = "*") -> list[str]:
        """The names directly below that match, sorted. NotFound where there is no directory."""
        os.close(_open_root(self.path))
        return sorted(found.name for found in self.path.glob(pattern))

    def size(self, name: str) -> int:
        with self.open(name) as file:
            return os.fstat(file.fileno()).st_size

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        """All of a small file."""
        with self.open(name) as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise LimitExceeded(f"{self.path / name} is larger than the {limit} bytes that are read at once")
            return file.read(limit)

    def chunks(self, name: str) -> Iterator[Chunk]:
        """The file's bytes, in views of one buffer that the next chunk overwrites."""
        with self.open(name) as file:
            buffer = bytearray(CHUNK_SIZE)
            view, fill = memoryview(buffer), file.readinto
            while count := fill(buffer):
                yield view[:count]

    def __str__(self) -> str:
        return str(self.path)

    def _step(self, part: str, flags: int, directory: int, name: str) -> int:
        try:
            return os.open(part, flags, dir_fd=directory)
        except FileNotFoundError:
            raise NotFound(f"{self.path / name} does not exist") from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise InvalidImage(f"{self.path / name} leads through {part!r}, which is a link or no folder") from None
            error.filename = str(self.path / name)
            raise

    def _regular(self, descriptor: int, name: str) -> FileIO:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return FileIO(descriptor)
        os.close(descriptor)
        raise InvalidImage(f"{self.path / name} is not a regular file")


def _open_root(path: Path) -> int:
    try:
        return os.open(path, _DIRECTORY)
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist") from None
    except NotADirectoryError:
        raise NotFound(f"{path} is not a directory") from None


def _components(name: str) -> list[str]:
    parts = name.split("/")
    if not all(parts) or not {".", ".."}.isdisjoint(parts) or "\0" in name:
        raise InvalidImage(f"{name!r} does not name a file inside the directory")
    return parts

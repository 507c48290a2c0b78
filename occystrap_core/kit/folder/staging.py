"""Files on their way into a directory, out of sight until all of them are there.

They lie in a hidden folder inside the destination, so that moving them to their final names
is a rename. The folder is locked as long as its owner lives: what a killed run leaves behind
is removed by the next one.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.folder.lock import exclusively
from occystrap_core.model.errors import InvalidImage
from occystrap_core.streams.atomic import sync_directory

_PREFIX = ".occystrap-incoming-"
_OWNER_LOCK = "lock"


@dataclass(frozen=True, eq=False, slots=True)
class StagedFile:
    """A complete file that is synced to the disk, under a name that does not count."""

    path: Path
    size: int


class Staging:
    """What one run adds to `directory`, which is made with the first file.

    `take`, `drop` and `place` may be called from several threads.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._owner = -1
        self._made: list[Path] = []
        self._touched: set[Path] = set()
        self._names = itertools.count()

    def take(self, chunks: Iterable[Chunk]) -> StagedFile:
        """Write a file. It is gone again when this raises."""
        path = self._open_folder() / str(next(self._names))
        with ExitStack() as undo:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            undo.callback(path.unlink, missing_ok=True)
            try:
                size = _write(descriptor, chunks)
            except OSError as error:
                error.filename = str(self._directory)
                raise
            undo.pop_all()
        return StagedFile(path, size)

    def drop(self, file: StagedFile) -> None:
        file.path.unlink(missing_ok=True)

    def place(self, file: StagedFile, name: str) -> None:
        """Give a file its final name below the directory, replacing what is there."""
        final = self._directory / name
        _refuse_links(self._directory, name)
        self._make(final.parent)
        file.path.replace(final)
        self._touched.add(final.parent)

    def sync(self) -> None:
        """Return when every new name is on the disk."""
        for folder in {*self._touched, *(made.parent for made in self._made)}:
            sync_directory(folder)

    def close(self) -> None:
        """The end of a run that placed its files. What cannot be removed now, the next run removes."""
        with self._lock:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                os.close(self._owner)
                self._folder = None

    def abandon(self) -> None:
        """The end of a run that leaves everything as it was. What is already gone is no error.

        Files that a failed run had placed stay: another run may already count on them.
        """
        self.close()
        for folder in reversed(self._made):
            # Another run may have put something there in the meantime: then it stays.
            with suppress(OSError):
                folder.rmdir()

    def _open_folder(self) -> Path:
        with self._lock:
            while self._folder is None:
                self._make(self._directory)
                # Another run that gave up may have taken the empty directory along.
                with suppress(FileNotFoundError), exclusively(self._directory):
                    _remove_abandoned(self._directory)
                    self._folder, self._owner = _owned_folder(self._directory)
            return self._folder

    def _make(self, folder: Path) -> None:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self._made.extend(reversed(missing))


def _write(descriptor: int, chunks: Iterable[Chunk]) -> int:
    """Everything, to the disk; how much it was."""
    with os.fdopen(descriptor, "wb") as file:
        write = file.write
        for chunk in chunks:
            write(chunk)
        file.flush()
        os.fsync(descriptor)
        return file.tell()


def _refuse_links(directory: Path, name: str) -> None:
    """No folder between the directory and the file may lead elsewhere."""
    folder = directory
    for part in name.split("/")[:-1]:
        folder = folder / part
        if folder.is_symlink():
            raise InvalidImage(f"{folder} is a symbolic link; nothing is written through it")


def _owned_folder(directory: Path) -> tuple[Path, int]:
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=directory))
    owner = os.open(folder / _OWNER_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(owner, fcntl.LOCK_EX)
    return folder, owner


def _remove_abandoned(directory: Path) -> None:
    for folder in directory.glob(f"{_PREFIX}*/"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # its owner may have been killed before it could lock it: then it is empty
            folder.rmdir()


def _is_abandoned(folder: Path) -> bool:
    try:
        owner = os.open(folder / _OWNER_LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(owner)

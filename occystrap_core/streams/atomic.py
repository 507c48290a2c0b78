"""Files that appear under their name complete, or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from occystrap_core.model.errors import UsageError

SUFFIX = ".occystrap-partial"
"""How the name of an unfinished file ends. It is locked as long as somebody writes it; what a killed
run left behind goes when the same file is written the next time."""

_TOKEN = 12
_LONGEST_STEM = 180  # so that dot, token and suffix still fit into the 255 bytes of a file name


class AtomicFile:
    """`file` is written, then `commit` gives it its name; leaving the context without aborts.

    A symbolic link at `path` stays, and what it points to is replaced.
    """

    __slots__ = ("_done", "_final", "_temporary", "file")

    file: BinaryIO

    def __init__(self, path: Path) -> None:
        self._final = Path(os.path.realpath(path))
        if self._final.exists() and not self._final.is_file():
            raise UsageError(f"{path} is not a regular file, it cannot be replaced")
        prefix = _unfinished_prefix(self._final.name)
        _remove_abandoned(self._final.parent, prefix)
        self._temporary, self.file = _created(self._final.parent, prefix)
        self._done = False

    def commit(self) -> None:
        """Returns when the file would survive a power cut under its name."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self._temporary.replace(self._final)
            self.file.close()
        except BaseException:
            self.abort()
            raise
        self._done = True
        sync_directory(self._final.parent)

    def abort(self) -> None:
        """Forget what was written. Does nothing after `commit`, and nothing the second time."""
        if self._done:
            return
        self._done = True
        self._temporary.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # what a full disk did not take is not wanted any more
            self.file.close()

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def write_atomically(path: Path, content: bytes) -> None:
    with AtomicFile(path) as target:
        target.file.write(content)
        target.commit()


def _unfinished_prefix(name: str) -> str:
    stem = os.fsdecode(os.fsencode(name)[:_LONGEST_STEM])
    return f".{stem}."


def _created(folder: Path, prefix: str) -> tuple[Path, BinaryIO]:
    """0644 before the umask: tempfile's 0600 would lock other users out of the result."""
    while True:
        path = folder / f"{prefix}{secrets.token_hex(_TOKEN // 2)}{SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        if _is_ours(descriptor):
            return path, os.fdopen(descriptor, "wb")
        os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    """Before a new file was locked, somebody else may have taken it for abandoned."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have no locks
        return True
    return os.fstat(descriptor).st_nlink > 0


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """What cannot be looked at stays."""
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            name = path.name
            if name.startswith(prefix) and name.endswith(SUFFIX) and len(name) == len(prefix) + _TOKEN + len(SUFFIX):
                _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Returns when the names in it would survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync directories
            raise
    finally:
        os.close(descriptor)

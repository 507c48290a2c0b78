"""Files that appear under their name complete, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from occystrap_core.model.errors import UsageError

SUFFIX = ".occystrap-partial"
"""How the name of an unfinished file ends; after a killed run it may be deleted by hand."""

_LONGEST_STEM = 180  # so that dot, token and suffix still fit into the 255 bytes of a file name


class AtomicFile:
    """`file` is written, then `commit` gives it its name; leaving the context without aborts.

    A symbolic link at `path` stays, and what it points to is replaced.
    """

    __slots__ = ("_done", "_final", "_temporary", "file")

    def __init__(self, path: Path) -> None:
        self._final = Path(os.path.realpath(path))
        if self._final.exists() and not self._final.is_file():
            raise UsageError(f"{path} is not a regular file, it cannot be replaced")
        self._temporary = self._final.with_name(_unfinished_name(self._final.name))
        self.file: BinaryIO = _create(self._temporary)
        self._done = False

    def commit(self) -> None:
        """Returns when the file would survive a power cut under its name."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            self._temporary.replace(self._final)
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
        with contextlib.suppress(OSError):  # what a full disk did not take is not wanted any more
            self.file.close()
        self._temporary.unlink(missing_ok=True)

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


def _unfinished_name(name: str) -> str:
    stem = os.fsdecode(os.fsencode(name)[:_LONGEST_STEM])
    return f".{stem}.{secrets.token_hex(6)}{SUFFIX}"


def _create(path: Path) -> BinaryIO:
    """0644 before the umask: tempfile's 0600 would lock other users out of the result."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    return os.fdopen(descriptor, "wb")


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

"""One process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK_FILE = ".occystrap.lock"


@contextmanager
def exclusively(directory: Path) -> Iterator[None]:
    """Wait until no other process or thread is inside for this directory, which must exist.

    The lock file is there only as long as it is held or waited for.
    """
    path = directory / _LOCK_FILE
    descriptor = _acquire(path)
    try:
        yield
    finally:
        # Removed before it is released: who waits for this very file sees that it is gone and starts again.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False

"""Finding names in layers that lie side by side, no link followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from occystrap_core.kit.rootfs.inherit import hides, opened


@contextmanager
def beside(layer: Path, path: bytes) -> Iterator[tuple[int, bytes]]:
    """The directory of a path, whose time stays, and the name in it; none if the layer has no such directory."""
    above, _, name = path.rpartition(b"/")
    directory = opened(layer, above)
    if directory is None:
        raise FileNotFoundError(path)
    try:
        time = os.fstat(directory).st_mtime_ns
        yield directory, name
        os.utime(directory, ns=(time, time))
    finally:
        os.close(directory)


def status_of(layer: Path, path: bytes) -> os.stat_result | None:
    above, _, name = path.rpartition(b"/")
    directory = opened(layer, above)
    if directory is None:
        return None
    try:
        with suppress(FileNotFoundError):
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
    finally:
        os.close(directory)
    return None


def visible(below: Sequence[Path], path: bytes) -> Path | None:
    """The uppermost layer that has something of this name, unless that, or one above it, hides it."""
    for lower in reversed(below):
        status = status_of(lower, path)
        if status is not None:
            return None if is_whiteout(status) else lower
        if hides(lower, path):
            return None
    return None


def is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0

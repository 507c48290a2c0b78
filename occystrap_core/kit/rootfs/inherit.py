"""Directories that a layer implies, in overlays of layers that were unpacked side by side.

An overlay shows the uppermost directory's owner, mode, times and attributes. Where a layer
has something in a directory without an entry for it, those must be the lower layer's.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from occystrap_core.kit.rootfs.attributes import OPAQUE
from occystrap_core.kit.rootfs.openat2 import open_directory_below

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_DIRECTORY = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


def inherit(layer: Path, implied: Sequence[bytes], below: Sequence[Path]) -> None:
    """Give `implied` directories of `layer` what those `below`, the lowest first, say about them."""
    # The deepest first, so that no directory's time changes after it was set.
    is_emptied = Emptied(layer)
    for path in sorted(implied, key=lambda each: each.count(b"/"), reverse=True):
        target = opened(layer, path)
        if target is None:
            continue
        try:
            if not is_emptied(path):
                _copy_from_the_uppermost(below, path, target)
        finally:
            os.close(target)


def _copy_from_the_uppermost(below: Sequence[Path], path: bytes, target: int) -> None:
    for lower in reversed(below):
        source = opened(lower, path)
        if source is None:
            if hides(lower, path):
                return
            continue
        try:
            copy_attributes(source, target)
        finally:
            os.close(source)
        return


def copy_attributes(source: int, target: int) -> None:
    found = os.fstat(source)
    os.fchown(target, found.st_uid, found.st_gid)
    os.fchmod(target, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(source):
        if name != OPAQUE:
            os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(found.st_mtime_ns, found.st_mtime_ns))


def opened(root: Path, path: bytes) -> int | None:
    """The directory at exactly this path, no link followed; None where something else or nothing is."""
    descriptor = os.open(root, _DIRECTORY)
    try:
        return open_directory_below(descriptor, path or b".")
    except OSError as error:
        if error.errno in _NO_DIRECTORY:
            return None
        return _stepped_to(os.dup(descriptor), path)
    finally:
        os.close(descriptor)


def _stepped_to(descriptor: int, path: bytes) -> int | None:
    """The same where the kernel cannot, or not at once. Takes over the descriptor."""
    for name in filter(None, path.split(b"/")):
        try:
            inner = os.open(name, _DIRECTORY, dir_fd=descriptor)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


class Emptied:
    """Whether a layer hides what lower ones have in a directory above a path. What is known of one is remembered."""

    def __init__(self, layer: Path) -> None:
        self._layer = layer
        self._known: dict[bytes, bool] = {}

    def __call__(self, path: bytes) -> bool:
        asked = []
        while path and path not in self._known:
            asked.append(path)
            path = path.rpartition(b"/")[0]
        found = bool(path) and self._known[path]
        for each in reversed(asked):
            found = self._known[each] = found or _is_opaque_at(self._layer, each.rpartition(b"/")[0])
        return found


def is_in_an_emptied_one(layer: Path, path: bytes) -> bool:
    return Emptied(layer)(path)


def _is_opaque_at(layer: Path, path: bytes) -> bool:
    directory = opened(layer, path)
    if directory is None:
        return False
    try:
        return is_opaque(directory)
    finally:
        os.close(directory)


def hides(root: Path, path: bytes) -> bool:
    """Whether this layer has something in the place of the directory or of one above it."""
    here = os.open(root, _DIRECTORY)
    try:
        for name in filter(None, path.split(b"/")):
            try:
                is_directory = stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode)
            except FileNotFoundError:
                return is_opaque(here)
            if not is_directory or is_opaque(here):
                return True
            there = os.open(name, _DIRECTORY, dir_fd=here)
            os.close(here)
            here = there
    finally:
        os.close(here)
    return False


def is_opaque(descriptor: int) -> bool:
    return OPAQUE in os.listxattr(descriptor)

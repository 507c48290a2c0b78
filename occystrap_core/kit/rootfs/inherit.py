"""Directories that a layer implies, in overlays of layers that were unpacked side by side.

An overlay shows the uppermost directory's owner, mode, times and attributes. Where a layer
has something in a directory without an entry for it, those must be the lower layer's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from occystrap_core.kit.rootfs.attributes import OPAQUE

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def inherit(layer: Path, implied: Sequence[bytes], below: Sequence[Path]) -> None:
    """Give `implied` directories of `layer` what those `below`, the lowest first, say about them."""
    # The deepest first, so that no directory's time changes after it was set.
    for path in sorted(implied, key=lambda each: each.count(b"/"), reverse=True):
        target = opened(layer, path)
        if target is None:
            continue
        try:
            if not is_in_an_emptied_one(layer, path):
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
    for name in filter(None, path.split(b"/")):
        try:
            inner = os.open(name, _DIRECTORY, dir_fd=descriptor)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def is_in_an_emptied_one(layer: Path, path: bytes) -> bool:
    """Whether the layer hides what lower ones have in a directory above this one."""
    above = path
    while above:
        above = above.rpartition(b"/")[0]
        directory = opened(layer, above)
        if directory is not None:
            try:
                if is_opaque(directory):
                    return True
            finally:
                os.close(directory)
    return False


def hides(root: Path, path: bytes) -> bool:
    """Whether this layer has something in the place of the directory or of one above it."""
    parts = list(filter(None, path.split(b"/")))
    for depth in range(len(parts)):
        above = opened(root, b"/".join(parts[:depth]))
        if above is None:
            return False
        try:
            if not stat.S_ISDIR(os.stat(parts[depth], dir_fd=above, follow_symlinks=False).st_mode):
                return True
            if is_opaque(above):
                return True
        except FileNotFoundError:
            return is_opaque(above)
        finally:
            os.close(above)
    return False


def is_opaque(descriptor: int) -> bool:
    return OPAQUE in os.listxattr(descriptor)

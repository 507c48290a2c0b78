"""From a name in a layer to a directory inside the root, whatever links lie on the way.

Absolute links mean "inside the root", and `..` stops there. Two ways lead to the same
directory: the kernel's own (openat2), and a walk that opens one component after the other
and resolves the links itself.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from occystrap_core.kit.rootfs import openat2
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown

MAX_LINKS = 40
"""As in the kernel: how many symbolic links one path may lead through."""

MAX_STEPS = 10_000
"""How many directories one path may lead through, each `..` of a link's target being a walk from the root again."""

IMPLIED_MODE = 0o755
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_DIRECTORY = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

Open = Callable[[int, bytes], int]


Making = Callable[[int, bytes, bytes], None]
"""Makes a directory that a path needs and the tree does not have, or has something else at: in
the directory of this descriptor, under this name; the path to it is without links."""


def inside(name: bytes) -> bytes:
    """A name of the archive without `..`; one that climbs over the root is refused."""
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise InvalidImage(f"{shown(name)} leads out of the image's root")
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)


def opener(root: int) -> Open:
    """What opens directories below `root`: the kernel where it can."""
    return openat2.open_directory_in if openat2.is_available(root) else walk


def walk(root: int, path: bytes, make: Making | None = None) -> int:
    """A descriptor of the directory `path` inside `root`; `make` makes what is missing."""
    ahead = path.split(b"/")[::-1]
    behind: list[bytes] = []
    links = steps = 0
    here = os.open(".", _STEP, dir_fd=root)
    try:
        while ahead:
            part = ahead.pop()
            steps += 1
            if steps > MAX_STEPS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fsdecode(path))
            if part in (b"", b"."):
                continue
            if part == b"..":
                # Up is a walk from the root again: the tree's own `..` may have moved meanwhile.
                ahead.extend(reversed(behind[:-1]))
                behind.clear()
                here = _stepped(here, os.open(".", _STEP, dir_fd=root))
                continue
            there = _entered(here, part)
            target = None if there >= 0 else _link_target(here, part)
            if target is None:
                behind.append(part)
                here = _stepped(here, there if there >= 0 else _made(here, behind, make))
                continue
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fsdecode(path))
            ahead.extend(target.split(b"/")[::-1])
            if target.startswith(b"/"):
                behind.clear()
                here = _stepped(here, os.open(".", _STEP, dir_fd=root))
    except BaseException:
        os.close(here)
        raise
    return here


def _stepped(here: int, there: int) -> int:
    os.close(here)
    return there


def _entered(directory: int, name: bytes) -> int:
    """A descriptor; -1 where there is no directory of that name."""
    try:
        return os.open(name, _STEP, dir_fd=directory)
    except OSError as error:
        if error.errno in _NO_DIRECTORY:
            return -1
        raise


def _link_target(directory: int, name: bytes) -> bytes | None:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise


def _made(directory: int, path: list[bytes], make: Making | None) -> int:
    name = path[-1]
    if make is not None:
        make(directory, name, b"/".join(path))
    return os.open(name, _STEP, dir_fd=directory)


def open_file_in(root: int, path: bytes) -> int:
    """A descriptor, for reading, of the regular file that `path` leads to inside `root`.

    What is no regular file is never opened: a device might wake up."""
    open_in = opener(root)
    for _ in range(MAX_LINKS):
        above, _, name = path.rpartition(b"/")
        directory = open_in(root, above or b".")
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                return os.open(name, _FILE, dir_fd=directory)
            if not stat.S_ISLNK(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", os.fsdecode(path))
            target = os.readlink(name, dir_fd=directory)
        finally:
            os.close(directory)
        path = target.lstrip(b"/") if target.startswith(b"/") else b"%b/%b" % (above or b".", target)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fsdecode(path))

"""Removing trees by descriptor: without recursion, and never through a link."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from occystrap_core.model.errors import TransferError

_BELOW = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Stays = Callable[[int, bytes], bool]
"""Whether the entry of that name, in the directory with that inode, must not be removed."""

Kept = Callable[[int, bytes], None]
"""Told of every directory that stays only for what is in it: its descriptor and its path."""


@dataclass(slots=True)
class _Level:
    """One directory on the way down: the directories left to enter, whether it must stay for
    itself, and whether for what it holds."""

    name: bytes
    before: os.stat_result
    below: list[bytes]
    stays_itself: bool
    holds: bool

    @property
    def must_stay(self) -> bool:
        return self.stays_itself or self.holds


def nothing_stays(inode: int, name: bytes) -> bool:
    return False


def nobody_asks(descriptor: int, path: bytes) -> None:
    pass


def remove(
    directory: int,
    name: bytes,
    path: bytes = b"",
    stays: Stays = nothing_stays,
    kept: Kept = nobody_asks,
    *,
    stays_itself: bool = False,
) -> None:
    """Remove the directory `name`, whose path is `path`, and all below it that need not stay."""
    if not _emptied(_below(directory, name), path, stays, kept, stays_itself=stays_itself):
        os.rmdir(name, dir_fd=directory)


def empty(directory: int, path: bytes = b"", stays: Stays = nothing_stays, kept: Kept = nobody_asks) -> None:
    """Remove what is in a directory and need not stay."""
    _emptied(os.open(".", _BELOW, dir_fd=directory), path, stays, kept, stays_itself=True)


def _emptied(here: int, path: bytes, stays: Stays, kept: Kept, *, stays_itself: bool) -> bool:
    """Whether the directory must stay. Takes over the descriptor; only one is open at a time,
    however deep the tree is."""
    levels = [_level(path, here, stays, stays_itself)]
    try:
        while True:
            level = levels[-1]
            if level.below:
                name = level.below.pop()
                here = _stepped(here, _below(here, name))
                levels.append(_level(name, here, stays, stays(level.before.st_ino, name)))
                continue
            if level.holds and not level.stays_itself:
                kept(here, b"/".join(each.name for each in levels if each.name))
            levels.pop()
            if not levels:
                return level.must_stay
            here = _stepped(here, _up(here, levels[-1]))
            if level.must_stay:
                levels[-1].holds = True
            else:
                os.rmdir(level.name, dir_fd=here)
    finally:
        os.close(here)


def _level(name: bytes, here: int, stays: Stays, stays_itself: bool) -> _Level:
    """Removes the files of a directory; the directories in it are still to be entered."""
    before = os.fstat(here)
    if before.st_mode & 0o300 != 0o300 and os.geteuid():
        os.fchmod(here, 0o700)
    below: list[bytes] = []
    files: list[bytes] = []
    with os.scandir(here) as found:
        for each in found:
            (below if each.is_dir(follow_symlinks=False) else files).append(os.fsencode(each.name))
    holds = False
    for file in files:
        if stays(before.st_ino, file):
            holds = True
        else:
            os.unlink(file, dir_fd=here)
    return _Level(name, before, below, stays_itself, holds)


def _up(here: int, level: _Level) -> int:
    parent = os.open("..", _BELOW, dir_fd=here)
    if os.path.samestat(os.fstat(parent), level.before):
        return parent
    os.close(parent)
    raise TransferError("somebody else moved a directory while it was being removed")


def _stepped(here: int, there: int) -> int:
    os.close(here)
    return there


def _below(directory: int, name: bytes) -> int:
    try:
        return os.open(name, _BELOW, dir_fd=directory)
    except PermissionError:
        # An image's directories may be closed even to their owner, who is allowed to open them up.
        os.chmod(name, 0o700, dir_fd=directory)
        return os.open(name, _BELOW, dir_fd=directory)

"""A directory on its way: made beside its final name, out of sight, and renamed at the end."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from occystrap_core.kit.rootfs.mountinfo import mounts_below, seen_by
from occystrap_core.kit.rootfs.overlay import ROOTFS, mounted_at, unmount_overlay
from occystrap_core.kit.rootfs.removal import remove
from occystrap_core.model.errors import TransferError, UsageError
from occystrap_core.model.shown import shown
from occystrap_core.streams.atomic import sync_directory

SUFFIX = ".occystrap-partial"
_MODE = 0o700
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_EXCHANGE = 2
_AT_FDCWD = -100
_LONGEST_STEM = 180


class Workplace:
    """What becomes `target`. Nothing is made before `path` is asked for.

    The directory is locked as long as its owner lives: what a killed run leaves behind is
    removed by the next one with the same target. A target that is not empty is refused unless
    it is of the same kind, or is to be overwritten.
    """

    def __init__(self, target: Path, is_same_kind: Callable[[Path], bool], *, overwrite: bool = False) -> None:
        self.target = Path(os.path.realpath(target))
        self._require_room = partial(_require_room, target, is_same_kind, overwrite)
        self._require_room()
        self._lock = threading.Lock()
        self._made: Path | None = None
        self._owner = -1
        self._parents: list[Path] = []

    @property
    def path(self) -> Path:
        with self._lock:
            if self._made is None:
                self._make_parents()
                self._remove_abandoned()
                self._made = self._make()
            return self._made

    def commit(self) -> None:
        """The directory gets its name, and what had it is removed."""
        path = self.path
        self._require_room()
        _sync_all(self._owner)
        self._made = _take_place(path, self.target)
        self._parents.clear()
        sync_directory(self.target.parent)
        if self._made is not None:
            remove_tree(self._made)
        self._close()

    def abort(self) -> None:
        """Removes what was made or, where `commit` was broken off, what is left of what had the name.
        Does nothing after `commit`, and nothing the second time."""
        made = self._made
        self._close()
        if made is not None:
            remove_tree(made)
        for parent in reversed(self._parents):
            # Somebody else may have put something there meanwhile: then it stays.
            with suppress(OSError):
                parent.rmdir()

    def _close(self) -> None:
        self._made = None
        if self._owner >= 0:
            os.close(self._owner)
            self._owner = -1

    def _make_parents(self) -> None:
        missing = [parent for parent in self.target.parents if not parent.exists()]
        for parent in reversed(missing):
            with suppress(FileExistsError):
                parent.mkdir()
                self._parents.append(parent)

    def _make(self) -> Path:
        while True:
            path = self.target.parent / f"{_prefix(self.target)}{secrets.token_hex(4)}{SUFFIX}"
            self._mkdir(path)
            owner = os.open(path, _DIRECTORY)
            fcntl.flock(owner, fcntl.LOCK_EX)
            # Another run may have taken it for abandoned before it was locked.
            with suppress(FileNotFoundError):
                if os.path.samestat(path.stat(), os.fstat(owner)):
                    self._owner = owner
                    return path
            os.close(owner)

    def _mkdir(self, path: Path) -> None:
        self._made = path  # before it is there, so that an interruption in between leaves nothing
        try:
            path.mkdir(_MODE)
        except OSError as error:
            self._made = None
            error.filename = str(self.target)  # the name that somebody asked for
            raise

    def _remove_abandoned(self) -> None:
        for path in abandoned(self.target):
            with suppress(OSError):
                if mounted_at(path / ROOTFS):
                    unmount_overlay(path)
                remove_tree(path)


def abandoned(target: Path) -> Iterator[Path]:
    """What killed runs with this target left beside it; nobody else can take one while the caller has it."""
    name = re.compile(re.escape(_prefix(target)) + "[0-9a-f]{8}" + re.escape(SUFFIX))
    for path in sorted(path for path in target.parent.iterdir() if name.fullmatch(path.name)):
        with suppress(OSError), _locked(path):
            yield path


def _require_room(target: Path, is_same_kind: Callable[[Path], bool], overwrite: bool) -> None:
    """Find out before the transfer what would make the commit fail, or cost the user something."""
    real = Path(os.path.realpath(target))
    above = next(parent for parent in real.parents if parent.exists())
    if not above.is_dir():
        raise UsageError(f"{above} is not a directory")
    if not real.exists():
        return
    if not real.is_dir():
        raise UsageError(f"{target} is not a directory")
    if real.is_mount():
        raise UsageError(f"{target} is a mount point, which cannot be replaced", hint="name a directory in it")
    if not any(real.iterdir()):
        return
    require_no_mounts(real)
    if not overwrite and not is_same_kind(real):
        raise UsageError(f"{target} is not empty", hint="name another directory, or add overwrite=true to replace it")


def require_no_mounts(directory: Path) -> None:
    """What is mounted in a directory that is to go would be lost, or would lose its layers."""
    if mounted := mounts_below(directory):
        raise UsageError(f"{shown(os.fsencode(mounted[0]))} is mounted inside {directory}", hint="unmount it first")
    if process := seen_by(directory):
        what = f"something in {directory} is mounted in another mount namespace, that of process {process}"
        raise UsageError(what, hint=f"nsenter --mount --target {process} leads there")


def remove_at_once(target: Path) -> None:
    """The name is gone first: whatever stops the rest, no half of it has that name, and the next
    run that writes there removes what is left."""
    aside = target.with_name(f"{_prefix(target)}{secrets.token_hex(4)}{SUFFIX}")
    target.rename(aside)
    remove_tree(aside)


def remove_tree(path: Path) -> None:
    """A directory with all in it; what is already gone is no error."""
    with suppress(FileNotFoundError):
        parent = os.open(path.parent, _DIRECTORY)
        try:
            remove(parent, os.fsencode(path.name))
        finally:
            os.close(parent)


def _prefix(target: Path) -> str:
    return f".{target.name[:_LONGEST_STEM]}."


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Raises OSError where a running process has it, or has just given it its name."""
    owner = os.open(path, _DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(path.stat(), os.fstat(owner)):
            raise FileNotFoundError(path)
        yield
    finally:
        os.close(owner)


def _take_place(path: Path, target: Path) -> Path | None:
    """Rename; returns where that lies now which had the name before."""
    try:
        path.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    else:
        return None
    if _exchanged(path, target):
        return path
    aside = path.with_name(f"{_prefix(target)}{secrets.token_hex(4)}{SUFFIX}")
    target.rename(aside)
    try:
        path.rename(target)
    except OSError:
        aside.rename(target)
        raise
    return aside


def _exchanged(one: Path, other: Path) -> bool:
    """Whether two names could be swapped in one step: not every file system can."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    names = ctypes.c_char_p(os.fsencode(one)), ctypes.c_char_p(os.fsencode(other))
    return int(renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE)) == 0


def _sync_all(descriptor: int) -> None:
    """Return when everything on this file system is on the disk: one call for all the files."""
    if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
        number = ctypes.get_errno()
        raise TransferError(f"cannot write everything to the disk: {os.strerror(number)}")

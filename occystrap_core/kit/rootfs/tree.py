"""The tree that is being unpacked: its directories, what makes room in it, who owns what."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from occystrap_core.kit.rootfs import attributes, removal
from occystrap_core.kit.rootfs.attributes import PERMISSIONS, SPECIAL, Attributes
from occystrap_core.kit.rootfs.directories import Directories, Directory
from occystrap_core.kit.rootfs.names import AddedNames
from occystrap_core.kit.rootfs.overlay import make_opaque
from occystrap_core.kit.rootfs.report import LayerReport
from occystrap_core.kit.rootfs.resolve import IMPLIED_MODE, Open, opener
from occystrap_core.model.errors import LimitExceeded
from occystrap_core.streams.tar import TarEntry

BELOW = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OWN = 0o700

MOST_CHECKED = 5_000_000
MOST_IMPLIED = 500_000
MOST_PATHS = 32 << 20
"""The bytes of the paths of directories without an entry, in one layer."""


class Moot(Exception):
    """A whiteout in a directory that the same layer has a file in the place of."""


class Tree:
    """`report` counts for the layer at work, and `added` are its names; `implied` are its
    directories without an entry, by inode. `only_hides` is set while a whiteout is at work;
    `rid_of_older` are the directories that whiteouts of the layer left nothing of older ones in."""

    def __init__(self, root: int, *, overlay: bool, privileged: bool, open_in: Open | None) -> None:
        self.overlay = overlay
        self.privileged = privileged
        self.ids = (os.geteuid(), os.getegid()) if privileged else (0, 0)
        """Whom new files belong to; without privileges, whom that means in a user namespace."""
        self.masked = attributes.umask() | SPECIAL
        """The mode bits that a new file cannot be trusted to get."""
        self.directories = Directories(root, open_in or opener(root), self._make_implied)
        self.added = AddedNames()
        self.report = LayerReport()
        self.implied: dict[int, bytes] = {}
        self.only_hides = False
        self.rid_of_older: set[int] = set()
        self._paths_of_implied = self._places_checked = 0
        self._late_modes: dict[int, tuple[bytes, int]] = {}
        attributes.drop_default_acl(root)
        self.imply(root, b"")

    def end_layer(self) -> LayerReport:
        """What there is to tell of the layer; the next one begins."""
        self.directories.settle()
        report, self.report = self.report, LayerReport()
        report.implied.extend(self.implied.values())
        self.added.clear()
        self.implied.clear()
        self._paths_of_implied = self._places_checked = 0
        self.rid_of_older.clear()
        return report

    def is_rid(self, inode: int) -> bool:
        """Whether all that is in the directory is the layer's: one that got the number of another is so, too."""
        return inode in self.rid_of_older

    def close_directories(self) -> None:
        """Give directories the modes that would have kept things out of them."""
        for inode, (path, mode) in sorted(self._late_modes.items(), key=_depth, reverse=True):
            fd = self.directories.reopened(path, inode)
            if fd >= 0:
                os.fchmod(fd, mode)
                os.close(fd)

    def describe_directory(
        self, directory: Directory, path: bytes, entry: TarEntry, said: Attributes, *, created: bool
    ) -> None:
        mode, uid, gid, mtime = said
        fd, inode = directory.fd, directory.inode
        if not created:
            self.implied.pop(inode, None)
            attributes.clear_xattrs(fd)
        self.own(fd, uid, gid)
        if entry.at:
            self.set_xattrs(fd, entry)
        self._set_directory_mode(fd, inode, path, mode)
        directory.inherits = bool(mode & stat.S_ISGID)
        self.directories.gets_time(inode, self.directories.real(fd, path), mtime)

    def own(self, fd: int, uid: int, gid: int) -> None:
        if self.privileged:
            os.fchown(fd, uid, gid)
        elif uid or gid:
            attributes.set_rootless_owner(fd, uid, gid, self.report)

    def set_xattrs(self, fd: int, entry: TarEntry) -> None:
        if not entry.xattrs:
            return
        xattrs = attributes.settable(entry, self.report)
        attributes.set_xattrs(fd, xattrs, self.report)
        if attributes.changes_modes(xattrs):
            self.masked = PERMISSIONS

    def clear(self, parent: int, name: bytes) -> bool:
        """Remove whatever has this name. Whether that hid, in an overlay, what lower layers have of it."""
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            self.directories.forget()
            removal.remove(parent, name)
            self._forget_lost_places()
            return False
        self.unlink(parent, name, status)
        if stat.S_ISLNK(status.st_mode):
            self.directories.forget()
        return self.overlay

    def unlink(self, parent: int, name: bytes, status: os.stat_result) -> None:
        """The number of what is gone is given to something else, which keeps no place."""
        os.unlink(name, dir_fd=parent)
        if status.st_ino in self.report.borrowed and status.st_nlink == 1:
            self._lose_place(status.st_ino)

    def _forget_lost_places(self) -> None:
        self._places_checked += len(self.report.borrowed)
        if self._places_checked > MOST_CHECKED:
            raise LimitExceeded(
                f"the layer takes directories away again and again and has hard links into lower layers: "
                f"more than {MOST_CHECKED} would have to be looked at"
            )
        for inode, names in list(self.report.borrowed.items()):
            if not any(self._is_at(name, inode) for name in names):
                self._lose_place(inode)

    def _lose_place(self, inode: int) -> None:
        target, *_ = self.report.borrowed.pop(inode)
        self.report.needed.append(target)

    def _is_at(self, path: bytes, inode: int) -> bool:
        above, _, name = path.rpartition(b"/")
        directory = self.directories.existing(above)
        with suppress(FileNotFoundError):
            return directory is not None and os.stat(name, dir_fd=directory.fd, follow_symlinks=False).st_ino == inode
        return False

    def imply(self, fd: int, path: bytes) -> None:
        """What directories look like that no entry describes."""
        inode = os.fstat(fd).st_ino
        if self.privileged:
            os.fchown(fd, 0, 0)
        attributes.clear_xattrs(fd)
        self._set_directory_mode(fd, inode, path, IMPLIED_MODE)
        self.directories.gets_time(inode, path, 0)
        self.implied[inode] = path
        self._paths_of_implied += len(path)
        if len(self.implied) > MOST_IMPLIED or self._paths_of_implied > MOST_PATHS:
            raise LimitExceeded(
                f"the layer has no entry for more than {MOST_IMPLIED} directories that it has something in, "
                f"or their paths take more than {MOST_PATHS} bytes"
            )

    def replace(self, fd: int, path: bytes) -> None:
        """In an overlay: of the directory that lower layers have under this name, nothing stays."""
        make_opaque(fd)
        if self.implied.pop(os.fstat(fd).st_ino, None) is not None:
            self.report.replaced.append(self.directories.real(fd, path))

    def _set_directory_mode(self, fd: int, inode: int, path: bytes, mode: int) -> None:
        """Without root, a directory stays open to its owner until everything is in it."""
        self._late_modes.pop(inode, None)
        if not self.privileged and mode & OWN != OWN:
            self._late_modes[inode] = (self.directories.real(fd, path), mode)
            mode |= OWN
        os.fchmod(fd, mode)

    def _make_implied(self, parent: int, name: bytes, path: bytes) -> None:
        """A directory that the layer has something in without an entry of its own."""
        hides, above = False, os.fstat(parent)
        self.directories.keeps_time(above.st_ino, path.rpartition(b"/")[0], above.st_mtime_ns)
        try:
            os.mkdir(name, OWN, dir_fd=parent)
        except FileExistsError:
            if self.only_hides and self.added(above.st_ino, name):
                raise Moot from None
            hides = self.clear(parent, name)
            os.mkdir(name, OWN, dir_fd=parent)
        fd = os.open(name, BELOW, dir_fd=parent)
        try:
            self.imply(fd, path)
            if hides:
                self.replace(fd, path)
            self.added.add(above.st_ino, name)
        finally:
            os.close(fd)


def _depth(late: tuple[int, tuple[bytes, int]]) -> int:
    """The deepest directories close first: those above must be open for that."""
    _, (path, _) = late
    return path.count(b"/")

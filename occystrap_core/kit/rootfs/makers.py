"""Making what entries speak of, each kind in its way."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from occystrap_core.contracts.entry import (
    BLOCK_DEVICE,
    CHAR_DEVICE,
    DIRECTORY,
    FIFO,
    HARDLINK,
    REGULAR,
    SYMLINK,
)
from occystrap_core.kit.rootfs import attributes
from occystrap_core.kit.rootfs.attributes import Decoder
from occystrap_core.kit.rootfs.directories import Directory, exists, is_directory
from occystrap_core.kit.rootfs.files import write_and_sum, write_body
from occystrap_core.kit.rootfs.hiding import Hiding
from occystrap_core.kit.rootfs.links import make_hard_link
from occystrap_core.kit.rootfs.overlay import make_opaque
from occystrap_core.kit.rootfs.tree import OWN, Tree
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown
from occystrap_core.streams.tar import TarEntry

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEVICE_KINDS = {CHAR_DEVICE: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK}
_GIVES_RIGHTS = stat.S_ISUID | stat.S_ISGID
_MAX_MAJOR, _MAX_MINOR = 1 << 12, 1 << 20

Make = Callable[[Directory, bytes, bytes, TarEntry], bool]
"""Makes an entry: in a directory, under a name, that together are this path. Whether it could be made."""


class Makers:
    """`by_kind` are the makers; `checksum` is that of the file written last, where `sums` is set."""

    def __init__(self, tree: Tree, decode: Decoder, hiding: Hiding, *, sums: bool) -> None:
        self._tree = tree
        self._decode = decode
        self._hiding = hiding
        self._sums = sums
        self._own_file = 0 if tree.privileged else 0o600
        self.checksum = 0
        self.by_kind: dict[bytes, Make] = {
            REGULAR: self._make_file,
            HARDLINK: self._make_hard_link,
            SYMLINK: self._make_symlink,
            CHAR_DEVICE: self._make_device,
            BLOCK_DEVICE: self._make_device,
            DIRECTORY: self._make_directory,
            FIFO: self._make_fifo,
        }

    def _make_file(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> bool:
        mode, uid, gid, mtime = self._decode(entry)
        wanted = mode & 0o777 | self._own_file
        try:
            fd = os.open(name, _NEW_FILE, wanted, dir_fd=parent.fd)
        except FileExistsError:
            self._tree.clear(parent.fd, name)
            fd = os.open(name, _NEW_FILE, wanted, dir_fd=parent.fd)
        try:
            if entry.stored_size or entry.fragments is not None:
                if not self._sums:
                    write_body(fd, entry)
                else:
                    self.checksum = write_and_sum(fd, entry)
                self._tree.report.bytes_written += entry.stored_size
            if (uid, gid) != self._tree.ids or parent.inherits:
                self._tree.own(fd, uid, gid)
            if entry.at:
                self._tree.set_xattrs(fd, entry)
            if mode != wanted or mode & self._tree.masked:
                os.fchmod(fd, mode)
                self._tree.report.setuid += bool(mode & _GIVES_RIGHTS)
            os.utime(fd, ns=(mtime, mtime))
        finally:
            os.close(fd)
        return True

    def _make_directory(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> bool:
        created, hides = True, False
        try:
            os.mkdir(name, OWN, dir_fd=parent.fd)
        except FileExistsError:
            created = False
            if not is_directory(parent, name):
                hides = self._tree.clear(parent.fd, name)
                os.mkdir(name, OWN, dir_fd=parent.fd)
                created = True
        directory = self._tree.directories.enter(parent, name, path)
        if hides:
            make_opaque(directory.fd)
        self._tree.describe_directory(directory, path, entry, self._decode(entry), created=created)
        return True

    def describe_root(self, entry: TarEntry) -> None:
        if entry.kind != DIRECTORY:
            named = shown(entry.name) or "an entry without a name"
            raise InvalidImage(f"{named} would take the place of the image's root")
        root = self._tree.directories.at(b"")
        self._tree.describe_directory(root, b"", entry, self._decode(entry), created=False)

    def _make_symlink(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> bool:
        target = entry.linkname
        if not target:
            raise InvalidImage(f"the symbolic link {shown(path)} has no target")
        try:
            os.symlink(target, name, dir_fd=parent.fd)
        except FileExistsError:
            self._tree.clear(parent.fd, name)
            os.symlink(target, name, dir_fd=parent.fd)
        _, uid, gid, mtime = self._decode(entry)
        if (uid, gid) != self._tree.ids or parent.inherits:
            if self._tree.privileged:
                os.chown(name, uid, gid, dir_fd=parent.fd, follow_symlinks=False)
            else:
                self._tree.report.owners_unset += bool(uid or gid)
        if entry.at and entry.xattrs:
            # There is no call that takes a directory descriptor and a name, and a link cannot be opened.
            where = b"/proc/self/fd/%d/%b" % (parent.fd, name)
            attributes.set_xattrs(where, attributes.settable(entry, self._tree.report), self._tree.report)
        os.utime(name, ns=(mtime, mtime), dir_fd=parent.fd, follow_symlinks=False)
        return True

    def _make_hard_link(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> bool:
        make_hard_link(self._tree, parent, name, path, entry)
        return True

    def _make_device(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> bool:
        major, minor = entry.device
        if not (0 <= major < _MAX_MAJOR and 0 <= minor < _MAX_MINOR):
            raise InvalidImage(f"{shown(path)} is a device with the numbers {major}:{minor}, which no system has")
        if exists(parent, name):
            self._tree.clear(parent.fd, name)
        if entry.kind == CHAR_DEVICE and (major, minor) == (0, 0):
            self._tree.report.whiteout_devices_skipped += 1
        elif not self._made_node(parent, name, _DEVICE_KINDS[entry.kind], os.makedev(major, minor)):
            self._tree.report.devices_skipped += 1
        else:
            self._describe_node(parent, name, entry)
            return True
        self._hiding.cover(parent, name, path)
        return False

    def _made_node(self, parent: Directory, name: bytes, kind: int, device: int) -> bool:
        if not self._tree.privileged:
            return False
        try:
            os.mknod(name, kind | 0o600, device, dir_fd=parent.fd)
        except PermissionError:
            return False
        return True

    def _make_fifo(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> bool:
        if exists(parent, name):
            self._tree.clear(parent.fd, name)
        os.mkfifo(name, 0o600, dir_fd=parent.fd)
        self._describe_node(parent, name, entry)
        return True

    def _describe_node(self, parent: Directory, name: bytes, entry: TarEntry) -> None:
        """What cannot be opened without waking a device or waiting for a writer."""
        mode, uid, gid, mtime = self._decode(entry)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent.fd)
        try:
            itself = b"/proc/self/fd/%d" % fd
            if self._tree.privileged:
                os.chown(itself, uid, gid)
            else:
                self._tree.report.owners_unset += bool(uid or gid)
            os.chmod(itself, mode)  # noqa: PTH101  # all that is done to the node is done by descriptor
            if entry.at and entry.xattrs:
                where = b"/proc/self/fd/%d/%b" % (parent.fd, name)
                attributes.set_xattrs(where, attributes.settable(entry, self._tree.report), self._tree.report)
            os.utime(itself, ns=(mtime, mtime))
        finally:
            os.close(fd)

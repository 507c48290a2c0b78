"""The one place where layers become files.

Every name is resolved inside the root by directory descriptors; a file is made new (O_EXCL)
or not at all; what is removed is removed by descriptor. Nothing outside the root is read,
written, linked or deleted, whatever the layers say.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from occystrap_core.contracts.entry import (
    BLOCK_DEVICE,
    CHAR_DEVICE,
    DIRECTORY,
    FIFO,
    HARDLINK,
    REGULAR,
    SYMLINK,
)
from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.rootfs import attributes, removal, whiteouts
from occystrap_core.kit.rootfs.attributes import OPAQUE, PERMISSIONS, SPECIAL, Decoder
from occystrap_core.kit.rootfs.directories import Directories, Directory
from occystrap_core.kit.rootfs.files import write_and_sum, write_body
from occystrap_core.kit.rootfs.names import AddedNames
from occystrap_core.kit.rootfs.record import Record, said
from occystrap_core.kit.rootfs.report import LayerReport, Report
from occystrap_core.kit.rootfs.resolve import IMPLIED_MODE, Open, inside, opener
from occystrap_core.model.errors import InvalidImage, OccystrapError, TransferError
from occystrap_core.model.shown import shown
from occystrap_core.streams.tar import GLOBAL, TarEntry, TarReader

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OWN = 0o700
_DEVICE_KINDS = {CHAR_DEVICE: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK}
_FAULTS_OF_IMAGES = frozenset({errno.ELOOP, errno.ENAMETOOLONG})
_MAX_MAJOR, _MAX_MINOR = 1 << 12, 1 << 20


class _Moot(Exception):
    """A whiteout in a directory that the same layer has a file in the place of."""


class Extractor:
    """Unpacks layers, the lowest first, into `root`, a directory that nobody else writes to.

    With `overlay` the root is one layer of an overlay mount: whiteouts become 0:0 devices and
    opaque directories an attribute, instead of deleting. `privileged` says whether owners can
    be set and devices made; by default that is so for root. `open_in` chooses how directories
    are found, the fastest way by default.
    """

    def __init__(
        self,
        root: Path,
        *,
        overlay: bool = False,
        privileged: bool | None = None,
        record: Record | None = None,
        open_in: Open | None = None,
    ) -> None:
        self._root = os.open(root, _ROOT)
        self._overlay = overlay
        self._privileged = os.geteuid() == 0 if privileged is None else privileged
        self._ids = os.geteuid(), os.getegid()
        self._masked = attributes.umask() | SPECIAL
        self._directories = Directories(self._root, open_in or opener(self._root), self._make_implied)
        self._added = AddedNames()
        self._decode = Decoder()
        self._record = record
        self._checksum = 0
        self._layers = 0
        self._own_file = 0 if self._privileged else 0o600
        self._implied: dict[int, bytes] = {}
        self._late_modes: dict[int, tuple[bytes, int]] = {}
        self._made = True
        self._only_hides = False
        self._total = Report()
        self._layer = LayerReport()
        self._makers: dict[bytes, Callable[[Directory, bytes, bytes, TarEntry], None]] = {
            REGULAR: self._make_file,
            HARDLINK: self._make_hard_link,
            SYMLINK: self._make_symlink,
            CHAR_DEVICE: self._make_device,
            BLOCK_DEVICE: self._make_device,
            DIRECTORY: self._make_directory,
            FIFO: self._make_fifo,
        }
        attributes.drop_default_acl(self._root)
        self._imply(self._root, b"")

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def sets_owners(self) -> bool:
        return self._privileged

    def apply(self, chunks: Iterable[Chunk]) -> LayerReport:
        """Unpack one layer's uncompressed tar stream, to its last byte."""
        self._layer = layer = LayerReport()
        reader = TarReader(chunks)
        path = b""
        try:
            for entry in reader:
                path = entry.path
                self._unpack(path, entry)
            self._directories.settle()
        except OSError as error:
            raise _as_ours(error, path) from error
        for _ in reader.trailer():
            pass
        layer.implied.extend(self._implied.values())
        self._added.clear()
        self._implied.clear()
        self._total.add(layer)
        self._layers += 1
        return layer

    def finish(self) -> Report:
        """What only the end can settle; nothing can be unpacked any more."""
        for inode, (path, mode) in sorted(self._late_modes.items(), key=_depth, reverse=True):
            fd = self._directories.reopened(path, inode)
            if fd >= 0:
                os.fchmod(fd, mode)
                os.close(fd)
        self.close()
        return self._total

    def close(self) -> None:
        if self._root >= 0:
            self._directories.close()
            os.close(self._root)
            self._root = -1

    def _unpack(self, path: bytes, entry: TarEntry) -> None:
        if b".." in path:
            path = inside(path)
        self._layer.entries += 1
        make = self._makers.get(entry.kind)
        if make is None:
            self._layer.unknown_skipped += entry.kind != GLOBAL
            return
        self._made, self._checksum = True, 0
        parent_path, _, name = path.rpartition(b"/")
        if not name:
            self._describe_root(entry)
        elif b".wh." not in path or not self._is_whiteout(parent_path, name, path):
            parent = self._directories.at(parent_path)
            make(parent, name, path, entry)
            self._added.add(parent.inode, name)
        if self._record is not None:
            described = self._decode(entry)
            self._record.add(said(self._layers, path, entry, described, self._checksum, made=self._made))

    # Making

    def _make_file(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> None:
        mode, uid, gid, mtime = self._decode(entry)
        wanted = mode & 0o777 | self._own_file
        try:
            fd = os.open(name, _NEW_FILE, wanted, dir_fd=parent.fd)
        except FileExistsError:
            self._clear(parent, name)
            fd = os.open(name, _NEW_FILE, wanted, dir_fd=parent.fd)
        try:
            if entry.stored_size or entry.fragments is not None:
                if self._record is None:
                    write_body(fd, entry)
                else:
                    self._checksum = write_and_sum(fd, entry)
                self._layer.bytes_written += entry.stored_size
            if (uid, gid) != self._ids or parent.inherits:
                self._own(fd, uid, gid)
            if entry.at:
                self._set_xattrs(fd, entry)
            if mode != wanted or mode & self._masked:
                os.fchmod(fd, mode)
            os.utime(fd, ns=(mtime, mtime))
        finally:
            os.close(fd)

    def _make_directory(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> None:
        created, hides = True, False
        try:
            os.mkdir(name, _OWN, dir_fd=parent.fd)
        except FileExistsError:
            created = False
            if not _is_directory(parent, name):
                hides = self._clear(parent, name)
                os.mkdir(name, _OWN, dir_fd=parent.fd)
                created = True
        directory = self._directories.enter(parent, name, path)
        if hides:
            os.setxattr(directory.fd, OPAQUE, b"y")
        self._describe_directory(directory, path, entry, created)

    def _describe_root(self, entry: TarEntry) -> None:
        if entry.kind != DIRECTORY:
            raise InvalidImage(f"{shown(entry.name)} would take the place of the image's root")
        self._describe_directory(self._directories.at(b""), b"", entry, created=False)

    def _describe_directory(self, directory: Directory, path: bytes, entry: TarEntry, created: bool) -> None:
        mode, uid, gid, mtime = self._decode(entry)
        fd, inode = directory.fd, directory.inode
        if not created:
            self._implied.pop(inode, None)
            attributes.clear_xattrs(fd)
        if self._privileged:
            os.fchown(fd, uid, gid)
        elif uid or gid:
            attributes.set_rootless_owner(fd, uid, gid, self._layer)
        if entry.at:
            self._set_xattrs(fd, entry)
        self._set_directory_mode(fd, inode, path, mode)
        directory.inherits = bool(mode & stat.S_ISGID)
        self._directories.gets_time(inode, self._directories.real(fd, path), mtime)

    def _set_directory_mode(self, fd: int, inode: int, path: bytes, mode: int) -> None:
        """Without root, a directory stays open to its owner until everything is in it."""
        self._late_modes.pop(inode, None)
        if not self._privileged and mode & _OWN != _OWN:
            self._late_modes[inode] = (self._directories.real(fd, path), mode)
            mode |= _OWN
        os.fchmod(fd, mode)

    def _make_implied(self, parent: int, name: bytes, path: bytes) -> None:
        """A directory that the layer has something in without an entry of its own."""
        hides, above = False, os.fstat(parent)
        self._directories.keeps_time(above.st_ino, path.rpartition(b"/")[0], above.st_mtime_ns)
        try:
            os.mkdir(name, _OWN, dir_fd=parent)
        except FileExistsError:
            if self._only_hides and self._added(above.st_ino, name):
                raise _Moot from None
            hides = self._clear_name(parent, name)
            os.mkdir(name, _OWN, dir_fd=parent)
        fd = os.open(name, _ROOT | os.O_NOFOLLOW, dir_fd=parent)
        try:
            if hides:
                os.setxattr(fd, OPAQUE, b"y")
            self._imply(fd, path)
            self._added.add(above.st_ino, name)
        finally:
            os.close(fd)

    def _imply(self, fd: int, path: bytes) -> None:
        """What directories look like that no entry describes."""
        inode = os.fstat(fd).st_ino
        if self._privileged:
            os.fchown(fd, 0, 0)
        attributes.clear_xattrs(fd)
        self._set_directory_mode(fd, inode, path, IMPLIED_MODE)
        self._directories.gets_time(inode, path, 0)
        self._implied[inode] = path

    def _make_symlink(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> None:
        target = entry.linkname
        if not target:
            raise InvalidImage(f"the symbolic link {shown(path)} has no target")
        try:
            os.symlink(target, name, dir_fd=parent.fd)
        except FileExistsError:
            self._clear(parent, name)
            os.symlink(target, name, dir_fd=parent.fd)
        _, uid, gid, mtime = self._decode(entry)
        if (uid, gid) != self._ids or parent.inherits:
            if self._privileged:
                os.chown(name, uid, gid, dir_fd=parent.fd, follow_symlinks=False)
            else:
                self._layer.owners_unset += bool(uid or gid)
        if entry.at and entry.xattrs:
            # There is no call that takes a directory descriptor and a name, and a link cannot be opened.
            where = b"/proc/self/fd/%d/%b" % (parent.fd, name)
            attributes.set_xattrs(where, attributes.settable(entry, self._layer), self._layer)
        os.utime(name, ns=(mtime, mtime), dir_fd=parent.fd, follow_symlinks=False)

    def _make_hard_link(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> None:
        source_parent, _, source_name = inside(entry.linkname).rpartition(b"/")
        source = self._directories.existing(source_parent) if source_name else None
        if source is None:
            raise _dangling(path, entry)
        try:
            _link(source, source_name, parent, name)
        except FileExistsError:
            if _same_file(source, source_name, parent, name):
                return
            self._clear(parent, name)
            _relink(source, source_name, parent, name, path, entry)
        except (FileNotFoundError, PermissionError) as error:
            raise _dangling(path, entry) from error

    def _make_device(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> None:
        major, minor = entry.device
        if not (0 <= major < _MAX_MAJOR and 0 <= minor < _MAX_MINOR):
            raise InvalidImage(f"{shown(path)} is a device with the numbers {major}:{minor}, which no system has")
        if _exists(parent, name):
            self._clear(parent, name)
        if entry.kind == CHAR_DEVICE and (major, minor) == (0, 0):
            self._layer.whiteout_devices_skipped += 1
            self._made = False
            return
        if not self._made_node(parent, name, _DEVICE_KINDS[entry.kind], os.makedev(major, minor)):
            self._layer.devices_skipped += 1
            self._made = False
            return
        self._describe_node(parent, name, entry)

    def _made_node(self, parent: Directory, name: bytes, kind: int, device: int) -> bool:
        if not self._privileged:
            return False
        try:
            os.mknod(name, kind | 0o600, device, dir_fd=parent.fd)
        except PermissionError:
            return False
        return True

    def _make_fifo(self, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> None:
        if _exists(parent, name):
            self._clear(parent, name)
        os.mkfifo(name, 0o600, dir_fd=parent.fd)
        self._describe_node(parent, name, entry)

    def _describe_node(self, parent: Directory, name: bytes, entry: TarEntry) -> None:
        """What cannot be opened without waking a device or waiting for a writer."""
        mode, uid, gid, mtime = self._decode(entry)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent.fd)
        try:
            itself = b"/proc/self/fd/%d" % fd
            if self._privileged:
                os.chown(itself, uid, gid)
            else:
                self._layer.owners_unset += bool(uid or gid)
            os.chmod(itself, mode)  # noqa: PTH101  # all that is done to the node is done by descriptor
            if entry.at and entry.xattrs:
                where = b"/proc/self/fd/%d/%b" % (parent.fd, name)
                attributes.set_xattrs(where, attributes.settable(entry, self._layer), self._layer)
            os.utime(itself, ns=(mtime, mtime))
        finally:
            os.close(fd)

    def _own(self, fd: int, uid: int, gid: int) -> None:
        if self._privileged:
            os.fchown(fd, uid, gid)
        elif uid or gid:
            attributes.set_rootless_owner(fd, uid, gid, self._layer)

    def _set_xattrs(self, fd: int, entry: TarEntry) -> None:
        if not entry.xattrs:
            return
        xattrs = attributes.settable(entry, self._layer)
        attributes.set_xattrs(fd, xattrs, self._layer)
        if attributes.changes_modes(xattrs):
            self._masked = PERMISSIONS

    # Taking away

    def _clear(self, parent: Directory, name: bytes) -> bool:
        return self._clear_name(parent.fd, name)

    def _clear_name(self, parent: int, name: bytes) -> bool:
        """Remove whatever has this name. Whether that was an overlay's whiteout."""
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            self._directories.forget()
            removal.remove(parent, name)
            return False
        os.unlink(name, dir_fd=parent)
        if stat.S_ISLNK(status.st_mode):
            self._directories.forget()
        return self._overlay and stat.S_ISCHR(status.st_mode) and status.st_rdev == 0

    def _is_whiteout(self, parent_path: bytes, name: bytes, path: bytes) -> bool:
        self._only_hides = True
        try:
            return self._whited_out(parent_path, name, path)
        except _Moot:
            return True
        finally:
            self._only_hides = False

    def _whited_out(self, parent_path: bytes, name: bytes, path: bytes) -> bool:
        """Do what a whiteout says; False for an entry that is none."""
        if whiteouts.is_bookkeeping(path):
            return True
        if name == whiteouts.OPAQUE_MARKER:
            self._make_opaque(self._directories.at(parent_path), parent_path)
            return True
        hidden = whiteouts.hidden_name(name)
        if hidden is None:
            return False
        parent = self._directories.at(parent_path)
        self._layer.whiteouts += 1
        if self._overlay:
            self._hide_below(parent, hidden)
        else:
            self._delete(parent, hidden, b"%b/%b" % (parent_path, hidden) if parent_path else hidden)
        return True

    def _make_opaque(self, directory: Directory, path: bytes) -> None:
        self._layer.whiteouts += 1
        if self._overlay:
            os.setxattr(directory.fd, OPAQUE, b"y")
            return
        self._directories.forget()
        removal.empty(directory.fd, path, self._added, self._only_holds)

    def _delete(self, parent: Directory, name: bytes, path: bytes) -> None:
        """What older layers have of this name: all of it, or what this layer did not add."""
        try:
            status = os.stat(name, dir_fd=parent.fd, follow_symlinks=False)
        except FileNotFoundError:
            return
        is_added = self._added(parent.inode, name)
        if stat.S_ISDIR(status.st_mode):
            self._directories.forget()
            removal.remove(parent.fd, name, path, self._added, self._only_holds, stays_itself=is_added)
        elif not is_added:
            os.unlink(name, dir_fd=parent.fd)
            if stat.S_ISLNK(status.st_mode):
                self._directories.forget()

    def _only_holds(self, fd: int, path: bytes) -> None:
        """A directory of older layers that is hidden, but holds what this layer added."""
        self._imply(fd, self._directories.real(fd, path))

    def _hide_below(self, parent: Directory, name: bytes) -> None:
        """What the layer itself has of this name stays, and nothing of older layers shows through."""
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent.fd)
        except FileExistsError:
            if _is_directory(parent, name):
                fd = os.open(name, _ROOT | os.O_NOFOLLOW, dir_fd=parent.fd)
                try:
                    os.setxattr(fd, OPAQUE, b"y")
                finally:
                    os.close(fd)


def _depth(late: tuple[int, tuple[bytes, int]]) -> int:
    """The deepest directories close first: those above must be open for that."""
    _, (path, _) = late
    return path.count(b"/")


def _is_directory(parent: Directory, name: bytes) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent.fd, follow_symlinks=False).st_mode)


def _exists(parent: Directory, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=parent.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _link(source: Directory, source_name: bytes, parent: Directory, name: bytes) -> None:
    os.link(source_name, name, src_dir_fd=source.fd, dst_dir_fd=parent.fd, follow_symlinks=False)


def _relink(
    source: Directory, source_name: bytes, parent: Directory, name: bytes, path: bytes, entry: TarEntry
) -> None:
    try:
        _link(source, source_name, parent, name)
    except (FileNotFoundError, PermissionError) as error:
        raise _dangling(path, entry) from error


def _same_file(source: Directory, source_name: bytes, parent: Directory, name: bytes) -> bool:
    try:
        target = os.stat(source_name, dir_fd=source.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(target, os.stat(name, dir_fd=parent.fd, follow_symlinks=False))


def _dangling(path: bytes, entry: TarEntry) -> InvalidImage:
    return InvalidImage(
        f"the hard link {shown(path)} leads to {shown(entry.linkname)}, which is no file that the image has by then"
    )


def _as_ours(error: OSError, path: bytes) -> OccystrapError:
    """The image's fault or the machine's. The name in the error says less than the whole path."""
    kind = InvalidImage if error.errno in _FAULTS_OF_IMAGES else TransferError
    return kind(f"cannot unpack {shown(path)}: {error.strerror or error}")

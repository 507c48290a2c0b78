"""The directories of a tree that is being unpacked: open ones, and the times they will get."""

from __future__ import annotations

import errno
import os
import stat

from occystrap_core.kit.rootfs.resolve import Making, Open, walk

MAX_OPEN = 128
MAX_TIMES = 20_000
"""Of how many directories the times are remembered; those of others are set, and read again."""

_BELOW = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class Directory:
    """An open directory. `inherits`: what is made in it does not get the owner and mode it asks for."""

    __slots__ = ("fd", "inherits", "inode")

    def __init__(self, fd: int, status: os.stat_result) -> None:
        self.fd = fd
        self.inode = status.st_ino
        self.inherits = bool(status.st_mode & stat.S_ISGID)


class Directories:
    """Keeps some directories of the tree open, by the names that layers call them.

    A name is good as long as nothing it leads through is removed: whoever removes a directory
    or a link calls `forget`. What `at` returned stays open until `at` is called again.
    """

    def __init__(self, root: int, open_in: Open, make: Making) -> None:
        self.root = Directory(root, os.fstat(root))
        self._prefix = _place(root)
        self._open_in = open_in
        self._make = make
        self._open: dict[bytes, Directory] = {}
        self._leaving: list[Directory] = []
        self._times: dict[int, tuple[bytes, int]] = {}

    def at(self, path: bytes) -> Directory:
        """The directory `path`, made with all above it where it does not exist."""
        found = self._open.get(path)
        if found is not None and not self._leaving:
            return found
        if self._leaving or len(self._open) >= MAX_OPEN:
            self._close_some()
        if len(self._times) >= MAX_TIMES:
            self.settle()
        return self.beside(path)

    def beside(self, path: bytes) -> Directory:
        """As `at`, while another that `at` returned is still in use."""
        return self._open.get(path) or self._remember(path, self._opened(path))

    def existing(self, path: bytes) -> Directory | None:
        """As `beside`, but never made."""
        found = self._open.get(path)
        if found is not None:
            return found
        try:
            return self._remember(path, self._open_in(self.root.fd, path or b"."))
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise

    def enter(self, parent: Directory, name: bytes, path: bytes) -> Directory:
        """The directory `name` of `parent`, which is known to be there and no link."""
        old = self._open.pop(path, None)
        if old is not None:
            self._leaving.append(old)
        return self._remember(path, os.open(name, _BELOW, dir_fd=parent.fd))

    def forget(self) -> None:
        """A directory or a link was removed: names may lead elsewhere now."""
        self._leaving.extend(self._open.values())
        self._open.clear()

    def real(self, fd: int, path: bytes) -> bytes:
        """Where a directory is, without links: a link that `path` leads through may be replaced later."""
        try:
            found = _place(fd)
        except OSError:
            return path
        return found[len(self._prefix) :].lstrip(b"/") if found.startswith(self._prefix) else path

    def keeps_time(self, inode: int, path: bytes, mtime: int) -> None:
        """The directory had this time before something in it was changed."""
        self._times.setdefault(inode, (path, mtime))

    def gets_time(self, inode: int, path: bytes, mtime: int) -> None:
        """The directory shall have this time, whatever it had."""
        self._times[inode] = (path, mtime)

    def settle(self) -> None:
        """Give every directory that was touched since the last call the time it shall have."""
        times, self._times = self._times, {}
        above, above_fd = b"", -1
        try:
            for inode, (path, mtime) in times.items():
                fd = self._below(above_fd, above, path, inode) if above_fd >= 0 else -1
                if fd < 0:
                    fd = self.reopened(path, inode)
                if above_fd >= 0:
                    os.close(above_fd)
                above, above_fd = path, fd
                if fd >= 0:
                    os.utime(fd, ns=(mtime, mtime))
        finally:
            if above_fd >= 0:
                os.close(above_fd)
        # Opened anew, each tells the next layer the time it has.
        self.forget()

    def reopened(self, path: bytes, inode: int) -> int:
        """A descriptor of the caller's own; -1 where the path leads to another directory or to none by now."""
        try:
            return _if_it_is(inode, self._open_in(self.root.fd, path or b"."))
        except OSError as error:
            if error.errno in _ABSENT:
                return -1
            raise

    @staticmethod
    def _below(above_fd: int, above: bytes, path: bytes, inode: int) -> int:
        """A step from the directory before: a chain of directories would cost the square of its length else."""
        parent, _, name = path.rpartition(b"/")
        if parent != above:
            return -1
        try:
            return _if_it_is(inode, os.open(name, _BELOW, dir_fd=above_fd))
        except OSError as error:
            if error.errno in _ABSENT:
                return -1
            raise

    def close(self) -> None:
        self.forget()
        self._close_some()

    def _opened(self, path: bytes) -> int:
        if not path:
            return os.open(".", _BELOW, dir_fd=self.root.fd)
        try:
            return self._open_in(self.root.fd, path)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
        return walk(self.root.fd, path, self._make)

    def _remember(self, path: bytes, fd: int) -> Directory:
        status = os.fstat(fd)
        if status.st_ino not in self._times:
            self._times[status.st_ino] = (self.real(fd, path), status.st_mtime_ns)
        made = self._open[path] = Directory(fd, status)
        return made

    def _close_some(self) -> None:
        for directory in self._leaving:
            os.close(directory.fd)
        self._leaving.clear()
        while len(self._open) >= MAX_OPEN:
            os.close(self._open.pop(next(iter(self._open))).fd)


def _if_it_is(inode: int, fd: int) -> int:
    if os.fstat(fd).st_ino == inode:
        return fd
    os.close(fd)
    return -1


def _place(fd: int) -> bytes:
    return os.readlink(b"/proc/self/fd/%d" % fd)  # noqa: PTH115  # as bytes


def is_directory(parent: Directory, name: bytes) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent.fd, follow_symlinks=False).st_mode)


def exists(parent: Directory, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=parent.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True

"""Copies of files, with all that there is to know about them."""

from __future__ import annotations

import os
import stat

from occystrap_core.kit.rootfs.inherit import copy_attributes

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def copy(there: int, source: bytes, here: int, name: bytes) -> None:
    """Make `name` in the directory `here`, equal to `source` in `there`, which is no directory."""
    status = os.stat(source, dir_fd=there, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        _copy_file(there, source, here, name)
    else:
        _copy_node(there, source, here, name, status)


def _copy_file(there: int, source: bytes, here: int, name: bytes) -> None:
    reading = os.open(source, _READ, dir_fd=there)
    try:
        writing = os.open(name, _NEW, 0o600, dir_fd=here)
        try:
            copy_data(reading, writing)
            copy_attributes(reading, writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def copy_data(reading: int, writing: int) -> None:
    """Holes stay holes."""
    size = os.fstat(reading).st_size
    os.ftruncate(writing, size)
    end = 0
    while end < size:
        try:
            start = os.lseek(reading, end, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(reading, start, os.SEEK_HOLE)
        os.lseek(writing, start, os.SEEK_SET)
        while start < end:
            start += os.sendfile(writing, reading, start, end - start)


def _copy_node(there: int, source: bytes, here: int, name: bytes, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(source, dir_fd=there), name, dir_fd=here)
    else:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=here)
    os.chown(name, status.st_uid, status.st_gid, dir_fd=here, follow_symlinks=False)
    from_, to = b"/proc/self/fd/%d/%b" % (there, source), b"/proc/self/fd/%d/%b" % (here, name)
    for key in os.listxattr(from_, follow_symlinks=False):
        os.setxattr(to, key, os.getxattr(from_, key, follow_symlinks=False), follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=here)
    os.utime(name, ns=(status.st_mtime_ns, status.st_mtime_ns), dir_fd=here, follow_symlinks=False)

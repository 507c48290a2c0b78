"""What a layer of an overlay can only be told once it is known what lies below it.

A kernel shows the names of whiteouts that hide nothing, and links no file of one layer under
a name of another: so the first are taken away, and such files are copied.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from occystrap_core.kit.rootfs.inherit import copy_attributes, inherit, is_in_an_emptied_one, is_opaque, opened
from occystrap_core.kit.rootfs.lookup import beside, is_whiteout, status_of, visible
from occystrap_core.kit.rootfs.relocation import relocate
from occystrap_core.kit.rootfs.report import LayerReport
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def settle(layer: Path, report: LayerReport, below: Sequence[Path]) -> None:
    """Finish a layer over those `below`, the lowest first, which are settled."""
    relocate(layer, report, below)
    for inode, names in report.borrowed.items():
        _borrow(layer, inode, names, below)
    for path in report.hiding:
        if is_in_an_emptied_one(layer, path) or visible(below, path) is None:
            _take_away_whiteout(layer, path)
    for path in sorted(report.replaced, key=len, reverse=True):
        _hide_if_empty(layer, path, below)
    inherit(layer, report.implied, below)


def empties_the_root(layer: Path) -> bool:
    """Whether nothing of the lower layers is to be seen: an overlay does not ask the topmost directory."""
    root = opened(layer, b"")
    assert root is not None
    try:
        return is_opaque(root)
    finally:
        os.close(root)


def _take_away_whiteout(layer: Path, path: bytes) -> None:
    status = status_of(layer, path)
    if status is not None and is_whiteout(status):
        with beside(layer, path) as (directory, name):
            os.unlink(name, dir_fd=directory)


def _hide_if_empty(layer: Path, path: bytes, below: Sequence[Path]) -> None:
    """Of a directory that was needed for whiteouts only, and is itself whited out, the whiteout stays."""
    lower = visible(below, path)
    if lower is None:
        return
    with suppress(OSError), beside(layer, path) as (directory, name):
        os.rmdir(name, dir_fd=directory)
        if not is_in_an_emptied_one(layer, path):
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=directory)


def _borrow(layer: Path, inode: int, names: Sequence[bytes], below: Sequence[Path]) -> None:
    target = names[0]
    lower = visible(below, target)
    status = None if lower is None else status_of(lower, target)
    if lower is None or status is None or stat.S_ISDIR(status.st_mode):
        raise InvalidImage(f"a hard link leads to {shown(target)}, which is no file that the image has by then")
    ours = [name for name in names if (found := status_of(layer, name)) is not None and found.st_ino == inode]
    if not ours:
        return
    with beside(lower, target) as (there, source), beside(layer, ours[0]) as (here, name):
        if stat.S_ISREG(status.st_mode):
            _copy_file(there, source, here, name)
        else:
            _copy_node(there, source, here, name, status)
            _link_again(layer, here, name, ours[1:])
    if ours[0] == target and is_in_an_emptied_one(layer, target):
        with beside(layer, target) as (here, name):
            os.unlink(name, dir_fd=here)


def _copy_file(there: int, source: bytes, here: int, name: bytes) -> None:
    reading = os.open(source, _READ, dir_fd=there)
    try:
        writing = os.open(name, _WRITE, dir_fd=here)
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
    os.unlink(name, dir_fd=here)
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


def _link_again(layer: Path, here: int, name: bytes, others: Sequence[bytes]) -> None:
    for other in others:
        with beside(layer, other) as (directory, its_name):
            os.unlink(its_name, dir_fd=directory)
            os.link(name, its_name, src_dir_fd=here, dst_dir_fd=directory, follow_symlinks=False)

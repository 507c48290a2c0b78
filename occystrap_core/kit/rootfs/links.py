"""Hard links, by descriptors on both ends."""

from __future__ import annotations

import os
import stat

from occystrap_core.kit.rootfs.directories import Directory, exists
from occystrap_core.kit.rootfs.resolve import inside
from occystrap_core.kit.rootfs.tree import Tree
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown
from occystrap_core.streams.tar import TarEntry

_PLACE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def make_hard_link(tree: Tree, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> None:
    """The target means a name inside the root; the link is to what has that name, be it a link."""
    tree.report.hard_links += 1
    target = inside(entry.linkname)
    source_parent, _, source_name = target.rpartition(b"/")
    source = tree.directories.existing(source_parent) if source_name else None
    if tree.overlay and source_name:
        source = _with_a_place(tree, source, source_parent, source_name)
    if source is None:
        raise _dangling(path, entry)
    try:
        _link(source, source_name, parent, name)
    except FileExistsError:
        if _same_file(source, source_name, parent, name):
            return
        tree.clear(parent.fd, name)
        _relink(source, source_name, parent, name, path, entry)
    except (FileNotFoundError, PermissionError) as error:
        raise _dangling(path, entry) from error
    if tree.report.borrowed:
        _note_borrowed(tree, parent, name, path)


def _with_a_place(tree: Tree, source: Directory | None, parent_path: bytes, name: bytes) -> Directory | None:
    """Where the layer of an overlay does not have a link's target, an empty file keeps its place
    until the lower layers can be asked. None where the layer itself says that there is no such file."""
    if source is not None and exists(source, name):
        return None if _is_whiteout(source, name) else source
    source = source or _made(tree, parent_path)
    if source is None:
        return None
    fd = os.open(name, _PLACE, 0o600, dir_fd=source.fd)
    inode = os.fstat(fd).st_ino
    os.close(fd)
    tree.report.borrowed[inode] = [_real(tree, source, name, parent_path)]
    return source


def _made(tree: Tree, path: bytes) -> Directory | None:
    """The directory, made unless the layer has something else in its place or in that of one above it."""
    missing, above = path, tree.directories.existing(path)
    while above is None and missing:
        missing, _, name = missing.rpartition(b"/")
        above = tree.directories.existing(missing)
        if above is not None and exists(above, name):
            return None
    return tree.directories.beside(path)


def _is_whiteout(directory: Directory, name: bytes) -> bool:
    status = os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _note_borrowed(tree: Tree, parent: Directory, name: bytes, path: bytes) -> None:
    names = tree.report.borrowed.get(os.stat(name, dir_fd=parent.fd, follow_symlinks=False).st_ino)
    if names is not None:
        names.append(_real(tree, parent, name, path.rpartition(b"/")[0]))


def _real(tree: Tree, directory: Directory, name: bytes, path: bytes) -> bytes:
    above = tree.directories.real(directory.fd, path)
    return b"%b/%b" % (above, name) if above else name


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
    if stat.S_ISDIR(target.st_mode):
        return False
    return os.path.samestat(target, os.stat(name, dir_fd=parent.fd, follow_symlinks=False))


def _dangling(path: bytes, entry: TarEntry) -> InvalidImage:
    return InvalidImage(
        f"the hard link {shown(path)} leads to {shown(entry.linkname)}, which is no file that the image has by then"
    )

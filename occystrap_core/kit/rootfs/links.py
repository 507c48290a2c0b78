"""Hard links, by descriptors on both ends."""

from __future__ import annotations

import os

from occystrap_core.kit.rootfs.directories import Directory
from occystrap_core.kit.rootfs.resolve import inside
from occystrap_core.kit.rootfs.tree import Tree
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown
from occystrap_core.streams.tar import TarEntry


def make_hard_link(tree: Tree, parent: Directory, name: bytes, path: bytes, entry: TarEntry) -> None:
    """The target means a name inside the root; the link is to what has that name, be it a link."""
    source_parent, _, source_name = inside(entry.linkname).rpartition(b"/")
    source = tree.directories.existing(source_parent) if source_name else None
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

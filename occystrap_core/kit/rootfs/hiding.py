"""Doing what whiteouts say: in a tree by deleting, in a layer of an overlay by hiding."""

from __future__ import annotations

import os
import stat

from occystrap_core.kit.rootfs import removal, whiteouts
from occystrap_core.kit.rootfs.directories import Directory, exists, is_directory
from occystrap_core.kit.rootfs.overlay import for_an_overlay, make_opaque
from occystrap_core.kit.rootfs.tree import BELOW, Moot, Tree


class Hiding:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def obeys(self, parent_path: bytes, name: bytes, path: bytes) -> bool:
        """Whether the entry of this name was a whiteout, or a book of AUFS, and is done with."""
        self._tree.only_hides = True
        try:
            return self._whited_out(parent_path, name, path)
        except Moot:
            return True
        finally:
            self._tree.only_hides = False

    def cover(self, parent: Directory, name: bytes, path: bytes) -> None:
        """In an overlay, nothing of older layers shows in the place of what could not be made."""
        if self._tree.overlay:
            self._hide_below(parent, name, path.rpartition(b"/")[0])

    def _whited_out(self, parent_path: bytes, name: bytes, path: bytes) -> bool:
        """Do what a whiteout says; False for an entry that is none."""
        if whiteouts.is_bookkeeping(path):
            return True
        if name == whiteouts.OPAQUE_MARKER:
            self._make_opaque(self._tree.directories.at(parent_path), parent_path)
            return True
        hidden = whiteouts.hidden_name(name)
        if hidden is None:
            return False
        parent = self._tree.directories.at(parent_path)
        self._tree.report.whiteouts += 1
        if self._tree.overlay:
            self._hide_below(parent, hidden, parent_path)
        else:
            self._delete(parent, hidden, b"%b/%b" % (parent_path, hidden) if parent_path else hidden)
        return True

    def _make_opaque(self, directory: Directory, path: bytes) -> None:
        self._tree.report.whiteouts += 1
        if self._tree.overlay:
            make_opaque(directory.fd)
            return
        if self._tree.is_rid(directory.inode):
            return
        self._tree.directories.forget()
        removal.empty(directory.fd, path, self._tree.added, self._only_holds)
        self._tree.rid_of_older.add(directory.inode)

    def _delete(self, parent: Directory, name: bytes, path: bytes) -> None:
        """What older layers have of this name: all of it, or what this layer did not add."""
        try:
            status = os.stat(name, dir_fd=parent.fd, follow_symlinks=False)
        except FileNotFoundError:
            return
        is_added = self._tree.added(parent.inode, name)
        if stat.S_ISDIR(status.st_mode):
            if is_added and self._tree.is_rid(status.st_ino):
                return
            self._tree.directories.forget()
            removal.remove(parent.fd, name, path, self._tree.added, self._only_holds, stays_itself=is_added)
            self._tree.rid_of_older.add(status.st_ino)
            if exists(parent, name):
                self._tree.added.add(parent.inode, name)
        elif not is_added:
            os.unlink(name, dir_fd=parent.fd)
            if stat.S_ISLNK(status.st_mode):
                self._tree.directories.forget()

    def _only_holds(self, fd: int, path: bytes) -> None:
        """A directory of older layers that is hidden, but holds what this layer added."""
        self._tree.imply(fd, self._tree.directories.real(fd, path))

    def _hide_below(self, parent: Directory, name: bytes, parent_path: bytes) -> None:
        """What the layer itself has of this name stays, and nothing of older layers shows through."""
        above = self._tree.directories.real(parent.fd, parent_path)
        path = b"%b/%b" % (above, name) if above else name
        try:
            _make_whiteout(parent, name)
        except FileExistsError:
            if is_directory(parent, name):
                fd = os.open(name, BELOW, dir_fd=parent.fd)
                try:
                    self._tree.replace(fd, path)
                finally:
                    os.close(fd)
                return
            if self._tree.added(parent.inode, name):
                return
            # It keeps the place of what a hard link leads to, in lower layers.
            self._tree.unlink(parent.fd, name, os.stat(name, dir_fd=parent.fd, follow_symlinks=False))
            _make_whiteout(parent, name)
        self._tree.report.hiding.append(path)


def _make_whiteout(parent: Directory, name: bytes) -> None:
    with for_an_overlay("a whiteout"):
        os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent.fd)

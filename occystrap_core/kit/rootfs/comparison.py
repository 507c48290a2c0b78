"""A tree on disk, held to what its layers said."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from zlib import crc32

from occystrap_core.contracts.entry import BLOCK_DEVICE, CHAR_DEVICE, DIRECTORY, FIFO, REGULAR, SYMLINK
from occystrap_core.kit.rootfs.attributes import ROOTLESS
from occystrap_core.kit.rootfs.expected import ExpectedTree, Node
from occystrap_core.kit.rootfs.record import Evidence, Said, fragments_of
from occystrap_core.model.shown import shown
from occystrap_core.streams.tar.sparse import pairs

_BELOW = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
_BILLION = 10**9
_COMMON_TIMES = range(0, (1 << 31) * _BILLION)
"""The nanoseconds that every file system can say; others keep what they can of a time."""

_KINDS = {
    stat.S_IFREG: (REGULAR, "a file"),
    stat.S_IFDIR: (DIRECTORY, "a directory"),
    stat.S_IFLNK: (SYMLINK, "a symbolic link"),
    stat.S_IFCHR: (CHAR_DEVICE, "a character device"),
    stat.S_IFBLK: (BLOCK_DEVICE, "a block device"),
    stat.S_IFIFO: (FIFO, "a FIFO"),
}
_OTHER = (b"", "something else")


def differences(root: Path, evidence: Evidence) -> Iterator[str]:
    """A sentence for everything in the tree that is not as the layers said."""
    expected = ExpectedTree.of(evidence.record)
    yield from _Comparison(evidence, {}, expected.names()).run(root, expected)


def first(sentences: Iterator[str], limit: int = 20) -> Iterator[str]:
    """As many as somebody reads, and how many more there are."""
    yield from islice(sentences, limit)
    if more := sum(1 for _ in sentences):
        yield f"there are {more} more differences"


@dataclass(slots=True)
class _Level:
    """A directory on the way down: where it is, what it should hold, what is left to enter."""

    path: bytes
    inode: tuple[int, int]
    below: list[tuple[bytes, Node]]


@dataclass(slots=True)
class _Comparison:
    evidence: Evidence
    inodes: dict[int, tuple[int, int]]
    """Where each file of several names was seen first: all of its names must be there."""

    names: dict[int, int]
    """How many names each file has in the whole tree."""

    def run(self, root: Path, expected: ExpectedTree) -> Iterator[str]:
        here = os.open(root, _BELOW)
        try:
            yield from self._attributes(b"/", expected.root.said, os.fstat(here), here)
            levels = [(yield from self._enter(b"", here, expected.root))]
            while levels:
                if not levels[-1].below:
                    levels.pop()
                    if levels:
                        here = self._moved(here, os.open("..", _BELOW, dir_fd=here))
                        assert _identity(os.fstat(here)) == levels[-1].inode, "the tree was moved meanwhile"
                    continue
                name, node = levels[-1].below.pop()
                here = self._moved(here, os.open(name, _BELOW, dir_fd=here))
                path = b"%b/%b" % (levels[-1].path, name)
                levels.append((yield from self._enter(path, here, node)))
        finally:
            os.close(here)

    @staticmethod
    def _moved(here: int, there: int) -> int:
        os.close(here)
        return there

    def _enter(self, path: bytes, here: int, node: Node) -> Generator[str, None, _Level]:
        children = node.children or {}
        found = sorted(map(os.fsencode, os.listdir(here)))
        level = _Level(path, _identity(os.fstat(here)), [])
        for name in sorted(children.keys() - set(found)):
            yield f"{shown(path + b'/' + name)} is missing"
        for name in found:
            child = children.get(name)
            where = b"%b/%b" % (path, name)
            if child is None:
                yield f"{shown(where)} is in no layer"
                continue
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
            kind, called = _KINDS.get(stat.S_IFMT(status.st_mode), _OTHER)
            if kind != child.node.said.kind:
                yield f"{shown(where)} is {called}"
                continue
            yield from self._attributes(where, child.node.said, status, here, name)
            yield from self._content(where, child.node, status, here, name)
            if kind == DIRECTORY:
                level.below.append((name, child.node))
        return level

    def _attributes(
        self, where: bytes, said: Said, status: os.stat_result, here: int, name: bytes = b"."
    ) -> Iterator[str]:
        shown_path = shown(where)
        if said.kind != SYMLINK and stat.S_IMODE(status.st_mode) != said.mode:
            yield f"{shown_path} has the mode {stat.S_IMODE(status.st_mode):04o}, not {said.mode:04o}"
        if self.evidence.owners and (status.st_uid, status.st_gid) != (said.uid, said.gid):
            yield f"{shown_path} belongs to {status.st_uid}:{status.st_gid}, not to {said.uid}:{said.gid}"
        if status.st_mtime_ns != said.mtime and said.mtime in _COMMON_TIMES:
            yield f"{shown_path} has another time"
        if self.evidence.xattrs and _xattrs(here, name) != dict(said.xattrs):
            yield f"{shown_path} has other extended attributes"

    def _content(self, where: bytes, node: Node, status: os.stat_result, here: int, name: bytes) -> Iterator[str]:
        said = node.said
        if said.kind == SYMLINK:
            if os.readlink(name, dir_fd=here) != said.linkname:
                yield f"{shown(where)} leads elsewhere"
        elif said.kind in (CHAR_DEVICE, BLOCK_DEVICE):
            if (os.major(status.st_rdev), os.minor(status.st_rdev)) != said.device:
                yield f"{shown(where)} is another device"
        elif said.kind != DIRECTORY:
            yield from self._names(where, node, status)
        if said.kind == REGULAR and self.inodes.setdefault(id(node), _identity(status)) == _identity(status):
            yield from _bytes(where, said, status, here, name)

    def _names(self, where: bytes, node: Node, status: os.stat_result) -> Iterator[str]:
        first = self.inodes.get(id(node), _identity(status))
        if first != _identity(status) or status.st_nlink != self.names[id(node)]:
            yield f"{shown(where)} is not linked as the layers say"


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _xattrs(here: int, name: bytes) -> dict[str, bytes]:
    """What a layer can have set: without labels of the system, and what stands for an owner."""
    where = b"/proc/self/fd/%d/%b" % (here, name)
    names = os.listxattr(where, follow_symlinks=False)
    wanted = [each for each in names if each not in (ROOTLESS, "security.selinux")]
    return {each: os.getxattr(where, each, follow_symlinks=False) for each in wanted}


def _bytes(where: bytes, said: Said, status: os.stat_result, here: int, name: bytes) -> Iterator[str]:
    if status.st_size != said.size:
        yield f"{shown(where)} is {status.st_size} bytes, not {said.size}"
        return
    descriptor = os.open(name, _FILE, dir_fd=here)
    try:
        if _checksum(descriptor, said) != said.checksum:
            yield f"{shown(where)} has another content"
    finally:
        os.close(descriptor)


def _checksum(descriptor: int, said: Said) -> int:
    """Of what the archive stored of the file: all of it but the holes."""
    stretches = pairs(fragments_of(said.fragments)) if said.fragments else iter(((0, said.size),))
    found = 0
    for offset, length in stretches:
        while length and (piece := os.pread(descriptor, min(length, _CHUNK), offset)):
            found = crc32(piece, found)
            offset, length = offset + len(piece), length - len(piece)
    return found

"""Files of several names, in overlays of layers that were unpacked side by side.

A kernel links no file of one layer under a name of another, and counts the names that a file
has in its own layer, hidden ones too. So all the names of a file that are to be seen are
brought into one layer, and the hidden ones get a file of their own.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from occystrap_core.kit.rootfs.copying import copy
from occystrap_core.kit.rootfs.inherit import hides, is_in_an_emptied_one
from occystrap_core.kit.rootfs.lookup import beside, status_of, visible
from occystrap_core.kit.rootfs.relocation import make_directories
from occystrap_core.kit.rootfs.report import LayerReport
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown

_BELOW = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_NAME = b".occystrap-copy"


@dataclass(slots=True)
class _Borrowed:
    """A file of a lower layer that hard links lead to: by which names there, and what it is called here."""

    lower: Path
    status: os.stat_result
    targets: list[bytes] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)


def borrow(layer: Path, report: LayerReport, below: Sequence[Path]) -> None:
    """Bring the files into `layer` that its hard links lead to in those `below`, with every name they have."""
    for target in report.needed:
        _file_below(below, target)
    known: dict[Path, dict[int, list[bytes]]] = {}
    for borrowed in _borrowed(layer, report, below):
        if not borrowed.names:
            continue
        others = list(_other_names(layer, borrowed, below, known))
        for name in others:
            report.implied.extend(make_directories(layer, name.rpartition(b"/")[0]))
        _copy_from(borrowed, layer, [*borrowed.names, *others])
        for target in borrowed.targets:
            if target in borrowed.names and is_in_an_emptied_one(layer, target):
                with beside(layer, target) as (directory, name):
                    os.unlink(name, dir_fd=directory)


def part_from_hidden(stack: Sequence[Path], layer: Path) -> None:
    """Names of a layer that others of the `stack` hide do not count for those that are seen."""
    for names in _linked_names(layer).values():
        hidden = [name for name in names if visible(stack, name) != layer]
        if len(hidden) == len(names):
            continue
        for name in hidden[:1]:
            with beside(layer, name) as (directory, own):
                copy(directory, own, directory, _NEW_NAME)
                os.rename(_NEW_NAME, own, src_dir_fd=directory, dst_dir_fd=directory)
        _link_all(layer, hidden)


def _borrowed(layer: Path, report: LayerReport, below: Sequence[Path]) -> list[_Borrowed]:
    found: dict[tuple[Path, int], _Borrowed] = {}
    for inode, (target, *names) in report.borrowed.items():
        lower, status = _file_below(below, target)
        borrowed = found.setdefault((lower, status.st_ino), _Borrowed(lower, status))
        borrowed.targets.append(target)
        borrowed.names += (name for name in (target, *names) if _inode(layer, name) == inode)
    return list(found.values())


def _file_below(below: Sequence[Path], target: bytes) -> tuple[Path, os.stat_result]:
    """The layer that has the file of this name, and what there is to know of it."""
    lower = visible(below, target)
    status = None if lower is None else status_of(lower, target)
    if lower is None or status is None or stat.S_ISDIR(status.st_mode):
        raise InvalidImage(f"a hard link leads to {shown(target)}, which is no file that the image has by then")
    return lower, status


def _inode(layer: Path, name: bytes) -> int | None:
    status = status_of(layer, name)
    return None if status is None else status.st_ino


def _other_names(
    layer: Path, borrowed: _Borrowed, below: Sequence[Path], known: dict[Path, dict[int, list[bytes]]]
) -> Iterator[bytes]:
    """Those in its layer that are to be seen. A layer is looked through once, for all its files."""
    lower = borrowed.lower
    if borrowed.status.st_nlink == 1:
        return
    if lower not in known:
        known[lower] = _linked_names(lower)
    for name in known[lower][borrowed.status.st_ino]:
        if visible(below, name) == lower and not hides(layer, name) and status_of(layer, name) is None:
            yield name


def _copy_from(borrowed: _Borrowed, layer: Path, names: Sequence[bytes]) -> None:
    with (
        beside(borrowed.lower, borrowed.targets[0]) as (there, source),
        beside(layer, names[0]) as (here, name),
    ):
        os.unlink(name, dir_fd=here)
        copy(there, source, here, name)
    _link_all(layer, names)


def _link_all(layer: Path, names: Sequence[bytes]) -> None:
    """Make the others names of the first one's file."""
    for other in names[1:]:
        with beside(layer, names[0]) as (here, name), beside(layer, other) as (there, its_name):
            if status_of(layer, other) is not None:
                os.unlink(its_name, dir_fd=there)
            os.link(name, its_name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)


def _linked_names(layer: Path) -> dict[int, list[bytes]]:
    """The names of the files that have several, by their inodes."""
    found: dict[int, list[bytes]] = {}
    here = os.open(layer, _BELOW)
    try:
        levels = [(b"", _look(here, b"", found))]
        while levels:
            path, below = levels[-1]
            if below:
                name = below.pop()
                path = path + name + b"/"
                here = _stepped(here, os.open(name, _BELOW, dir_fd=here))
                levels.append((path, _look(here, path, found)))
            else:
                levels.pop()
                here = _stepped(here, os.open("..", _BELOW, dir_fd=here))
    finally:
        os.close(here)
    return found


def _look(here: int, path: bytes, found: dict[int, list[bytes]]) -> list[bytes]:
    """Note the files of several names; the directories that are left to enter."""
    below = []
    with os.scandir(here) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                below.append(name)
            elif (status := entry.stat(follow_symlinks=False)).st_nlink > 1:
                found.setdefault(status.st_ino, []).append(path + name)
    return below


def _stepped(here: int, there: int) -> int:
    os.close(here)
    return there

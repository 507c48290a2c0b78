"""Directories that a layer implies where lower layers have a symbolic link: what is in them belongs
to where the link leads, as it does when the layers are unpacked into one tree."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from occystrap_core.kit.rootfs.inherit import copy_attributes, opened
from occystrap_core.kit.rootfs.lookup import beside, is_whiteout, status_of, visible
from occystrap_core.kit.rootfs.removal import remove
from occystrap_core.kit.rootfs.report import LayerReport
from occystrap_core.kit.rootfs.resolve import IMPLIED_MODE, MAX_LINKS
from occystrap_core.model.errors import InvalidImage, LimitExceeded
from occystrap_core.model.shown import shown

MOST_RENAMES = 20_000_000
"""How many paths may be looked at to move what one layer has below links of lower ones."""


def relocate(layer: Path, report: LayerReport, below: Sequence[Path]) -> None:
    renames = 0
    for path in sorted(report.implied, key=lambda each: each.count(b"/")):
        status = status_of(layer, path) if path else None
        if status is None or not stat.S_ISDIR(status.st_mode):
            continue
        lower = visible(below, path)
        if lower is None or not _is_link(status_of(lower, path)):
            continue
        target = _resolved(path, layer, below)
        if not (target + b"/").startswith(path + b"/"):
            report.implied.extend(make_directories(layer, target))
            renames += len(report.implied) + len(report.hiding) + len(report.borrowed)
            if renames > MOST_RENAMES:
                raise LimitExceeded(
                    f"the layer has something below too many symbolic links of lower layers: "
                    f"more than {MOST_RENAMES} paths would have to be looked at"
                )
            _merge(layer, path, target, report.implied)
            _rename_in(report, path, target)


def _resolved(path: bytes, layer: Path, below: Sequence[Path]) -> bytes:
    """Where a path leads that begins at a link of a lower layer."""
    ahead, behind, links = path.split(b"/")[::-1], list[bytes](), 0
    while ahead:
        part = ahead.pop()
        if part in (b"", b"."):
            continue
        if part == b"..":
            del behind[-1:]
            continue
        here = b"/".join((*behind, part))
        link = _link_at(here, layer, below, at_the_start=here == path)
        if link is None:
            behind.append(part)
            continue
        links += 1
        if links > MAX_LINKS:
            raise InvalidImage(f"{shown(path)} leads through too many links")
        ahead.extend(link.split(b"/")[::-1])
        if link.startswith(b"/"):
            behind.clear()
    return b"/".join(behind)


def _link_at(path: bytes, layer: Path, below: Sequence[Path], *, at_the_start: bool) -> bytes | None:
    own = None if at_the_start else status_of(layer, path)
    where = layer if own is not None else visible(below, path)
    if where is None or not _is_link(own or status_of(where, path)):
        return None
    with beside(where, path) as (directory, name):
        return os.readlink(name, dir_fd=directory)


def _is_link(status: os.stat_result | None) -> bool:
    return status is not None and stat.S_ISLNK(status.st_mode)


def make_directories(layer: Path, path: bytes) -> Iterator[bytes]:
    """Where the layer has no such directory, make it; tells which had to be made for that."""
    parts = path.split(b"/")
    for depth in range(1, len(parts) + 1 if path else 1):
        above = b"/".join(parts[:depth])
        status = status_of(layer, above)
        if status is not None and stat.S_ISDIR(status.st_mode):
            continue
        with beside(layer, above) as (directory, name):
            if status is not None:
                os.unlink(name, dir_fd=directory)
            os.mkdir(name, IMPLIED_MODE, dir_fd=directory)
            os.chmod(name, IMPLIED_MODE, dir_fd=directory)
            os.utime(name, (0, 0), dir_fd=directory)
        yield above


def _merge(layer: Path, path: bytes, target: bytes, implied: list[bytes]) -> None:
    """Everything in one directory goes to another."""
    left = [(path, target)]
    emptied = []
    while left:
        source, destination = left.pop()
        emptied.append(source)
        _merge_attributes(layer, source, destination, implied)
        for name in _names(layer, source):
            one, other = source + b"/" + name, destination + b"/" + name if destination else name
            if _both_are_directories(layer, one, other):
                left.append((one, other))
            else:
                _move(layer, one, other)
    for source in reversed(emptied):
        with beside(layer, source) as (directory, name):
            os.rmdir(name, dir_fd=directory)


def _merge_attributes(layer: Path, source: bytes, destination: bytes, implied: list[bytes]) -> None:
    """Those of the directory that the layer has an entry for."""
    if source in implied:
        implied.remove(source)
        return
    if destination in implied:
        implied.remove(destination)
    there, here = opened(layer, source), opened(layer, destination)
    assert there is not None
    assert here is not None
    try:
        copy_attributes(there, here)
    finally:
        os.close(there)
        os.close(here)


def _names(layer: Path, path: bytes) -> list[bytes]:
    with beside(layer, path + b"/.") as (directory, _), os.scandir(directory) as found:
        return [os.fsencode(each.name) for each in found]


def _both_are_directories(layer: Path, one: bytes, other: bytes) -> bool:
    found = status_of(layer, one), status_of(layer, other)
    return all(status is not None and stat.S_ISDIR(status.st_mode) for status in found)


def _move(layer: Path, one: bytes, other: bytes) -> None:
    """Of two files, that stays which has its own name in the layer."""
    moved, there = status_of(layer, one), status_of(layer, other)
    assert moved is not None
    with beside(layer, one) as (source, name), beside(layer, other) as (target, new_name):
        if there is None or is_whiteout(there):
            if there is not None:
                os.unlink(new_name, dir_fd=target)
            os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)
        elif stat.S_ISDIR(moved.st_mode):
            remove(source, name)
        else:
            os.unlink(name, dir_fd=source)


def _rename_in(report: LayerReport, path: bytes, target: bytes) -> None:
    def renamed(each: bytes) -> bytes:
        return (target + each[len(path) :]).lstrip(b"/") if (each + b"/").startswith(path + b"/") else each

    report.implied[:] = [renamed(each) for each in report.implied]
    report.hiding[:] = [renamed(each) for each in report.hiding]
    report.replaced[:] = [renamed(each) for each in report.replaced]
    for names in report.borrowed.values():
        names[:] = [renamed(each) for each in names]

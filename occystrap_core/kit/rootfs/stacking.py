"""What a layer of an overlay can only be told once it is known what lies below it.

A kernel shows the names of whiteouts that hide nothing, so they are taken away; files that hard
links lead to in lower layers are brought up, and directories without an entry look as those say.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from occystrap_core.kit.rootfs.inherit import inherit, is_in_an_emptied_one, is_opaque, opened
from occystrap_core.kit.rootfs.link_groups import borrow
from occystrap_core.kit.rootfs.lookup import beside, is_whiteout, status_of, visible
from occystrap_core.kit.rootfs.relocation import relocate
from occystrap_core.kit.rootfs.report import LayerReport


def settle(layer: Path, report: LayerReport, below: Sequence[Path]) -> None:
    """Finish a layer over those `below`, the lowest first, which are settled."""
    relocate(layer, report, below)
    if report.borrowed or report.needed:
        borrow(layer, report, below)
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

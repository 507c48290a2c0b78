"""Unpacking layers in tests, and looking at what came out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from occystrap_core.kit.rootfs.extractor import Extractor
from occystrap_core.kit.rootfs.openat2 import open_directory_in
from occystrap_core.kit.rootfs.report import Report
from occystrap_core.kit.rootfs.resolve import walk
from occystrap_core.testing.layers import Member, layer_tar

Layer = Sequence[Member] | bytes
WAYS: dict[str, Callable[[int, bytes], int]] = {"openat2": open_directory_in, "walk": walk}
"""The two ways from a name to a directory."""


def unpack(root: Path, *layers: Layer, **options: Any) -> Report:
    """Unpack layers into a new directory `root`, the lowest first."""
    root.mkdir()
    with Extractor(root, **options) as extractor:
        for layer in layers:
            data = layer if isinstance(layer, bytes) else layer_tar(*layer)
            extractor.apply(data[at : at + 5000] for at in range(0, len(data), 5000))
        return extractor.finish()


def names(root: Path) -> set[str]:
    """Every path below, directories with a slash at the end."""
    found = set()
    for folder, folders, files in os.walk(root):
        below = Path(folder).relative_to(root)
        real = [name for name in folders if not (Path(folder) / name).is_symlink()]
        found |= {f"{below / name}/" for name in real}
        found |= {str(below / name) for name in {*files, *folders} - set(real)}
    return found


def snapshot(root: Path) -> dict[str, object]:
    """All there is to know about a tree, but what changes by looking at it."""
    found: dict[str, object] = {}
    links: dict[int, list[str]] = {}
    for folder, folders, files in os.walk(root):
        for path in [Path(folder), *(Path(folder) / name for name in (*folders, *files))]:
            status = path.lstat()
            name = str(path.relative_to(root))
            found[name] = (*_facts(status), _content(path, status), _xattrs(path))
            if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1 and name not in links.get(status.st_ino, ()):
                links.setdefault(status.st_ino, []).append(name)
    found["//links"] = sorted(sorted(group) for group in links.values())
    return found


def _facts(status: os.stat_result) -> tuple[object, ...]:
    return stat.filemode(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns


def _content(path: Path, status: os.stat_result) -> object:
    if stat.S_ISREG(status.st_mode):
        return path.read_bytes() if status.st_size < 1 << 20 else status.st_size
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    return status.st_rdev


def _xattrs(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}

"""What mounts:// leaves in a directory, and how such a directory is told from others."""

from __future__ import annotations

import re
from pathlib import Path

from occystrap_core.kit.rootfs.overlay import LINKS, ROOTFS, UPPER, WORK

RUNTIME_CONFIG, IMAGE_CONFIG = "config.json", "container-config.json"
LAYER, EMPTY = "layer", "empty"
_ALWAYS = {ROOTFS, UPPER, WORK, RUNTIME_CONFIG, IMAGE_CONFIG}
_SOMETIMES = {LINKS, EMPTY, "catalog.json", "manifest.json"}
"""The last two are those of occystrap 0.4, which had no `LINKS`."""

_OF_LAYERS = re.compile(r"[0-9a-f]{64}([0-9a-f]{64})?")


def has_mounts(directory: Path) -> bool:
    """Whether a run, or occystrap 0.4, wrote here, whatever else is there by now."""
    return _names(directory) >= _ALWAYS


def strangers(directory: Path) -> list[str]:
    """What no run left there."""
    return sorted(name for name in _names(directory) - _ALWAYS - _SOMETIMES if not _OF_LAYERS.fullmatch(name))


def is_mounts(directory: Path) -> bool:
    """Whether this is what an earlier run left here, and nothing of anybody else."""
    return has_mounts(directory) and not strangers(directory)


def _names(directory: Path) -> set[str]:
    return {found.name for found in directory.iterdir()}

"""The root file system of an image, unpacked beside the layers it is made of."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_directory.catalog import CATALOG_FILE
from occystrap_core.kit.rootfs.extractor import Extractor
from occystrap_core.kit.rootfs.report import Report
from occystrap_core.kit.rootfs.workplace import Workplace
from occystrap_core.model.errors import UsageError

_log = logging.getLogger(__name__)
_OURS = re.compile(r"[0-9a-f]{64}(\.json)?|\.occystrap.*|\..*\.occystrap-partial")
"""What runs leave, or hide while they are at work, before there is a catalog."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """What a verifier must know of a tree: where it is, and what could not be set in it."""

    directory: str
    owners: bool
    xattrs: bool

    def to_json(self) -> Mapping[str, object]:
        return {"directory": self.directory, "owners": self.owners, "xattrs": self.xattrs}


def directory_of(manifest_file: str) -> str:
    """A tree is called like its image's manifest file."""
    return manifest_file.removesuffix(".json")


def require_room(folder: Path, *, overwrite: bool) -> None:
    """A root file system is not unpacked beside files of somebody else."""
    if overwrite or not folder.is_dir():
        return
    names = {found.name for found in folder.iterdir()}
    if CATALOG_FILE not in names and not all(map(_OURS.fullmatch, names)):
        hint = "name another directory, or add overwrite=true to write beside what is there"
        raise UsageError(f"{folder} is not empty", hint=hint)


def workplace(folder: Path, name: str, *, overwrite: bool) -> Workplace:
    """Where a tree is made. One that is there is replaced where the folder holds images of ours."""
    return Workplace(folder / name, lambda _: (folder / CATALOG_FILE).is_file(), overwrite=overwrite)


def unpack(place: Workplace, layers: Iterable[Iterable[Chunk]]) -> Expanded:
    """Unpack the layers; `place` has the tree then, and whoever commits it says what it is called."""
    with Extractor(place.path) as extractor:
        for layer in layers:
            extractor.apply(layer)
        report, owners = extractor.finish(), extractor.sets_owners
    _tell(place.target, report)
    return Expanded(place.target.name, owners, not report.xattrs_skipped)


def _tell(target: Path, report: Report) -> None:
    for warning in report.warnings():
        _log.warning("%s: %s", target, warning)

"""Whiteouts in the form of the overlay file system."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING
from occystrap_core.contracts import (
    CheckSpec,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    Where,
    hookimpl,
    shown,
)
from occystrap_core.contracts.entry import CHAR_DEVICE


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="overlay-whiteout",
        summary="files are deleted with .wh. names, not with overlay's devices",
        implementation="occystrap_checks.whiteouts.overlay_whiteout:OverlayWhiteout",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="On disk, overlay notes a deletion as a character device 0:0. In a layer that is a device like any "
        "other: the file is not deleted, rootless engines fail to make it, and reading it fails in the "
        "container.",
        example="tar of the upper directory of a running container",
        remedy="Make the layer with a builder; it writes an empty file .wh.NAME for each deleted NAME.",
        kinds=frozenset({CHAR_DEVICE}),
    )


class OverlayWhiteout(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Devices()


class Devices(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        if entry.device != (0, 0):
            return NOTHING
        path = shown(entry.path)
        return (Remark(f"{path} is a character device 0:0, overlay's sign of a deleted file", Where(entry=path)),)

"""Attributes of the overlay file system in a layer."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING
from occystrap_core.contracts import (
    CheckSpec,
    Entries,
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

_LEAKED = ("trusted.overlay.", "user.overlay.")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="overlay-xattr",
        summary="no attribute of a builder's overlay file system is in a layer",
        implementation="occystrap_checks.tar.overlay_xattr:OverlayXattr",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="trusted.overlay and user.overlay attributes are how a mounted overlay remembers what it deleted or "
        "redirected. In a layer they do nothing, or confuse the overlay that the layer becomes part of.",
        example="tar --xattrs of the upper directory of a running container",
        remedy="Make the layer with a builder, or leave the attributes out: tar --xattrs-exclude='*.overlay.*'.",
        entries=Entries.EXTENDED,
    )


class OverlayXattr(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Attributes()


class Attributes(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        leaked = [name for name in entry.xattrs if name.startswith(_LEAKED)]
        if not leaked:
            return NOTHING
        path = shown(entry.path)
        return (Remark(f"{path} has the attribute {shown(leaked[0])}", Where(entry=path)),)

"""Whiteouts with content."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, counted
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
from occystrap_core.contracts.entry import REGULAR

_OPAQUE = b".wh..wh..opq"


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="whiteout-size",
        summary="whiteouts are empty files",
        implementation="occystrap_checks.whiteouts.whiteout_size:WhiteoutSize",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Only the name of a whiteout counts; content in it is never seen by anybody, which makes it waste or "
        "a hiding place.",
        example="A file of the application that happens to be called .wh.config",
        remedy="Rename the file, or empty the whiteout.",
        entries=Entries.WHITEOUTS,
        kinds=frozenset({REGULAR}),
    )


class WhiteoutSize(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Sizes()


class Sizes(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        if not entry.size or entry.path.rpartition(b"/")[2] == _OPAQUE:
            return NOTHING
        path = shown(entry.path)
        return (Remark(f"the whiteout {path} has {counted(entry.size, 'byte')} of content", Where(entry=path)),)

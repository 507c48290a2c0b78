"""Whiteouts that name nothing."""

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

_EMPTY = b".wh."


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="whiteout",
        summary="every whiteout names what it deletes",
        implementation="occystrap_checks.whiteouts.whiteout:Whiteout",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="A file named .wh. alone deletes nothing. The specification tells engines to refuse it; some took it "
        "for an opaque directory and deleted everything beside it.",
        example='A program that wrote ".wh." + name with an empty name.',
        remedy="Leave the entry out; an opaque directory is marked by .wh..wh..opq.",
        entries=Entries.WHITEOUTS,
    )


class Whiteout(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Targets()


class Targets(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        path = entry.path
        if path.rpartition(b"/")[2] != _EMPTY:
            return NOTHING
        return (Remark(f"the whiteout {shown(path)} names nothing to delete", Where(entry=shown(path))),)

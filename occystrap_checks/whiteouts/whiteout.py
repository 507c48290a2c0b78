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

_NAMES_NOTHING = frozenset({b".wh.", b".wh..", b".wh..."})


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="whiteout",
        summary="every whiteout names what it deletes",
        implementation="occystrap_checks.whiteouts.whiteout:Whiteout",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="A file named .wh. alone deletes nothing. The specification tells engines to refuse it; some took it "
        "for an opaque directory and deleted everything beside it. With one or two dots behind, it would delete the "
        "directory it is in, or the one above.",
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
        name = path.rpartition(b"/")[2]
        if name not in _NAMES_NOTHING:
            return NOTHING
        what = f"'{name[4:].decode()}', which is no name" if len(name) > 4 else "nothing to delete"
        return (Remark(f"the whiteout {shown(path)} names {what}", Where(entry=shown(path))),)

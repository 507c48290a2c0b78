"""Whiteouts that are no files."""

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
from occystrap_core.contracts.entry import REGULAR

_AUFS = b".wh..wh."
_OPAQUE = b".wh..wh..opq"


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="whiteout-type",
        summary="whiteouts are regular files",
        implementation="occystrap_checks.whiteouts.whiteout_type:WhiteoutType",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="The specification describes whiteouts as empty files. A directory or link of such a name deletes "
        "with some engines and is unpacked by others.",
        example="A directory .wh.cache/, or the hard links that Docker wrote on aufs long ago.",
        remedy="Write the whiteout as an empty regular file.",
        entries=Entries.WHITEOUTS,
        kinds=frozenset(bytes([code]) for code in range(256)) - {REGULAR},
    )


class WhiteoutType(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Kinds()


class Kinds(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        name = entry.path.rpartition(b"/")[2]
        if name.startswith(_AUFS) and name != _OPAQUE:
            return NOTHING
        path = shown(entry.path)
        return (Remark(f"the whiteout {path} is no regular file", Where(entry=path)),)

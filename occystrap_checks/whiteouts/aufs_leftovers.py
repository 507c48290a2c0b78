"""Bookkeeping of the aufs file system."""

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

_AUFS, _OPAQUE = b".wh..wh.", b".wh..wh..opq"


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="aufs-leftovers",
        summary="no bookkeeping of aufs is in a layer",
        implementation="occystrap_checks.whiteouts.aufs_leftovers:AufsLeftovers",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Names that begin with .wh..wh. belonged to aufs: engines ignore them or unpack them as they are, and "
        "hard links into .wh..wh.plnk lose their target.",
        example="A layer exported by Docker on aufs: .wh..wh.plnk/, .wh..wh.orph/, .wh..wh.aufs",
        remedy="Make the layer again with a current builder.",
        entries=Entries.WHITEOUTS,
    )


class AufsLeftovers(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Names()


class Names(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        name = entry.path.rpartition(b"/")[2]
        if not name.startswith(_AUFS) or name == _OPAQUE:
            return NOTHING
        path = shown(entry.path)
        return (Remark(f"{path} is bookkeeping of aufs", Where(entry=path)),)

"""Sparse files."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, size_text
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


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="sparse-file",
        summary="no file is stored as sparse",
        implementation="occystrap_checks.tar.sparse_file:SparseFile",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="The specification says that layers should not have them: the formats are many, readers disagree "
        "about them, and a few bytes can claim to be terabytes.",
        example="tar --sparse of a disk image or a database file",
        remedy="Make the archive without --sparse: compression makes up for it.",
        entries=Entries.EXTENDED,
        kinds=frozenset({REGULAR}),
    )


class SparseFile(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return SparseFiles()


class SparseFiles(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        if entry.size == entry.stored_size and not any(key.startswith("GNU.sparse.") for key in entry.pax):
            return NOTHING
        path = shown(entry.path)
        sizes = f"{size_text(entry.size)}, of which {size_text(entry.stored_size)} are stored"
        return (Remark(f"{path} is a sparse file of {sizes}", Where(entry=path)),)

"""Names that no file system takes."""

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

_LONGEST = 255


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="name-length",
        summary="names are short enough for file systems",
        implementation="occystrap_checks.tar.name_length:NameLength",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="No file system of Linux takes a name of more than 255 bytes: the layer cannot be unpacked.",
        example="A file that a program named by a whole URL, packed from a file system without that limit.",
        remedy="Rename it before it is packed, or leave it out.",
        entries=Entries.EXTENDED,
    )


class NameLength(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Lengths()


class Lengths(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        path = entry.path
        if len(path) <= _LONGEST:
            return NOTHING
        longest = max(map(len, path.split(b"/")))
        if longest <= _LONGEST:
            return NOTHING
        message = f"a name of {longest} bytes, where file systems take {_LONGEST}: {shown(path[:80])}…"
        return (Remark(message, Where(entry=shown(path))),)

"""Times before 1970."""

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


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="tar-timestamp",
        summary="no file was changed before 1970",
        implementation="occystrap_checks.tar.tar_timestamp:TarTimestamp",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="A negative time is written in ways that not all readers know, and file systems and build caches turn "
        "it into a day far in the future, or refuse it.",
        example="touch -d 1969-12-31 file, in a RUN step",
        remedy="Set the time when the layer is made, or use the filter normalize-timestamps.",
        entries=Entries.EXTENDED,
    )


class TarTimestamp(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Times()


class Times(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        mtime = entry.mtime
        if mtime >= 0:
            return NOTHING
        path = shown(entry.path)
        return (Remark(f"{path} has the negative mtime {mtime:.15g}", Where(entry=path)),)

"""Times with fractions of a second."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, Tally, counted
from occystrap_core.contracts import (
    CheckSpec,
    Entries,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    hookimpl,
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="pax-subsecond-mtime",
        summary="times of files are whole seconds",
        implementation="occystrap_checks.tar.pax_subsecond_mtime:PaxSubsecondMtime",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="Only PAX records can say fractions. Engines drop them or keep them, so the same layer unpacked twice "
        "need not be the same tree, and every such entry takes a kilobyte more.",
        example="tar --format=posix without --mtime, of files just written",
        remedy="Cut the times to whole seconds where the layer is made: --clamp-mtime --mtime=@$SOURCE_DATE_EPOCH, "
        "or the filter normalize-timestamps.",
        entries=Entries.EXTENDED,
    )


class PaxSubsecondMtime(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Fractions()


class Fractions(LayerExamination):
    def __init__(self) -> None:
        self._found = Tally()

    def entry(self, entry: Entry) -> Iterable[Remark]:
        if entry.pax.get("mtime", b"").partition(b".")[2].strip(b"0"):
            self._found.add(entry.path)
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not self._found.count or not facts.is_authentic:
            return NOTHING
        return (self._found.remark(f"{counted(self._found.count, 'time')} with fractions of a second: {self._found}"),)

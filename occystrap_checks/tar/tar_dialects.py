"""Archives in several dialects of tar at once."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, Tally
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

_TYPE = 156
_PAX, _GNU = b"x", (b"L", b"K")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="tar-dialects",
        summary="a layer keeps to one dialect of tar",
        implementation="occystrap_checks.tar.tar_dialects:TarDialects",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="PAX records, GNU long names and numbers in base 256 are three ways to say what a plain header has no "
        "room for. Every engine reads them all; smaller readers know some.",
        example="An archive of GNU tar to which a Go program added entries.",
        remedy="Make the archive with one program; PAX (--format=posix) is what the specification asks for.",
        entries=Entries.EXTENDED,
    )


class TarDialects(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Dialects()


class Dialects(LayerExamination):
    def __init__(self) -> None:
        self._pax = Tally()
        self._gnu = Tally()
        self._base256 = Tally()

    def entry(self, entry: Entry) -> Iterable[Remark]:
        raw = entry.raw
        flag = raw[_TYPE : _TYPE + 1]
        if flag == _PAX:
            self._pax.add(entry.path)
        elif flag in _GNU:
            self._gnu.add(entry.path)
        elif any(raw[start] & 0x80 for start in (100, 108, 116, 124, 136)):
            self._base256.add(entry.path)
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic:
            return
        if self._pax.count and self._gnu.count:
            found = f"PAX records and GNU long names in one archive: of {self._pax}; of {self._gnu}"
            yield min(self._pax, self._gnu, key=lambda each: each.count).remark(found)
        if self._base256.count:
            entries = "entry has a number" if self._base256.count == 1 else "entries have numbers"
            yield self._base256.remark(f"{self._base256.count} {entries} in base 256: {self._base256}")

"""PAX records for all entries that follow."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING
from occystrap_core.contracts import (
    CheckSpec,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    hookimpl,
    shown,
)

_GLOBAL = b"g"
_HARMLESS = frozenset({"comment", "charset", "hdrcharset"})


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="pax-global",
        summary="no PAX record stands for several entries",
        implementation="occystrap_checks.tar.pax_global:PaxGlobal",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="GNU tar and bsdtar give every entry that follows the path, size or owner of a global header; Go, and so "
        "every engine, leaves it out: they unpack other files than tar lists.",
        example="tar --format=posix --pax-option=uid=0 …; the comment that git archive writes is harmless.",
        remedy="Make the archive with records for each entry (--pax-option=uid:=0), or none.",
        kinds=frozenset({_GLOBAL}),
    )


class PaxGlobal(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return GlobalHeaders()


class GlobalHeaders(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        keys = sorted(entry.pax.keys() - _HARMLESS)
        if not keys:
            return NOTHING
        named = ", ".join(shown(key.encode("utf-8", "surrogateescape")[:40]) for key in keys[:5])
        return (Remark(f"a global PAX header has records that tar applies and engines do not: {named}"),)

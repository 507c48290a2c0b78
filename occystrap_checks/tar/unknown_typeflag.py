"""Entries of kinds that images do not have."""

from __future__ import annotations

from collections.abc import Iterable

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
    Where,
    hookimpl,
    shown,
)

_KNOWN = frozenset(b"01234567g")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="unknown-typeflag",
        summary="every entry is of a kind that engines know",
        implementation="occystrap_checks.tar.unknown_typeflag:UnknownTypeflag",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Engines skip what they do not know, or refuse the layer: what such an entry was to bring is missing.",
        example="A volume label, made by tar --label, or a directory of an incremental backup",
        remedy="Make the archive without those options of tar.",
        kinds=frozenset(bytes([code]) for code in range(256) if code not in _KNOWN),
    )


class UnknownTypeflag(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Kinds()


class Kinds(LayerExamination):
    def entry(self, entry: Entry) -> Iterable[Remark]:
        path = shown(entry.path)
        return (Remark(f"{path} is of the kind {entry.kind!r}, which no engine unpacks", Where(entry=path)),)

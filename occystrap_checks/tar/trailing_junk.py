"""Bytes after the end of an archive."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.layer_causes import is_sound
from occystrap_checks.wording import NOTHING, counted
from occystrap_core.contracts import (
    CheckSpec,
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

_ESTARGZ = b"stargz.index.json\0"
"""The table of contents of an eStargz layer lies behind its archive, which is how it is meant."""


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="trailing-junk",
        summary="nothing follows the end of a layer's archive",
        implementation="occystrap_checks.tar.trailing_junk:TrailingJunk",
        severity=Severity.WARNING,
        needs=Needs.LAYERS,
        why="Readers stop at the end of the archive, but the diff_id covers what follows, too. Engines that do "
        "not read on compute another one and refuse the layer; and something may hide there.",
        example="cat extra.tar >> layer.tar",
        remedy="Make the layer again; join archives with tar --concatenate.",
    )


class TrailingJunk(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return AfterTheEnd()


class AfterTheEnd(LayerExamination):
    def __init__(self) -> None:
        self._is_estargz = False

    def trailing(self, data: bytes) -> Iterable[Remark]:
        self._is_estargz = data.startswith(_ESTARGZ)
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not is_sound(facts) or not facts.trailing_bytes or self._is_estargz:
            return NOTHING
        return (Remark(f"{counted(facts.trailing_bytes, 'byte')} that are not zero follow the end of the archive"),)

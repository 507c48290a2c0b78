"""Gzip data in several members."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.layer_causes import is_sound
from occystrap_checks.wording import NOTHING
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
from occystrap_core.model.media_types import Compression


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="gzip-multi-member",
        summary="the gzip data of a layer is one member",
        implementation="occystrap_checks.compression.gzip_multi_member:GzipMultiMember",
        severity=Severity.INFO,
        needs=Needs.LAYERS,
        why="Several members in a row are legal, and every container engine reads them; simple readers stop after "
        "the first one and see only the beginning of the layer.",
        example="A layer compressed by pigz --independent or as eStargz.",
        remedy="Nothing to do; know it when other programs read your layers.",
    )


class GzipMultiMember(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return CountMembers()


class CountMembers(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not is_sound(facts) or facts.compression is not Compression.GZIP or facts.members < 2:
            return NOTHING
        return (Remark(f"the layer is {facts.members} gzip members in a row"),)

"""Compressed data that cannot be inflated to its end."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, size_text
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
from occystrap_core.model.errors import CorruptStream
from occystrap_core.model.media_types import Compression


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="layer-damaged",
        summary="the compressed data of layers is whole",
        implementation="occystrap_checks.compression.layer_damaged:LayerDamaged",
        severity=Severity.ERROR,
        needs=Needs.LAYERS,
        why="The blob is the one that the manifest names, so it was already broken when its digest was taken: no "
        "engine can unpack it, and fetching it again does not help.",
        example="A build whose disk ran full while it wrote layer.tar.gz.",
        remedy="Build the layer again.",
    )


class LayerDamaged(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Damage()


class Damage(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic or facts.damage is None or not isinstance(facts.damage, CorruptStream):
            return NOTHING
        if facts.trailing_junk and facts.compression is Compression.GZIP:
            return NOTHING
        return (Remark(f"{facts.damage.message}, after {size_text(facts.unpacked)} of content"),)

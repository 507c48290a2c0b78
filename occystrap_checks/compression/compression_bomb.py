"""Layers that expand beyond measure."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.layer_causes import is_sound
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
    Stage,
    hookimpl,
)
from occystrap_core.model.errors import LimitExceeded

_LARGE = 256 << 20
_RATIO = 200
_WINDOW = 128 << 20


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="compression-bomb",
        summary="layers do not expand beyond measure",
        implementation="occystrap_checks.compression.compression_bomb:CompressionBomb",
        severity=Severity.WARNING,
        needs=Needs.LAYERS,
        why="A small blob that becomes very large fills the disk of whoever pulls it. Real layers rarely shrink "
        "to less than a hundredth.",
        example="dd if=/dev/zero of=/big bs=1M count=100000, in a RUN step",
        remedy="Do not store large empty files in images; make them when the container starts.",
    )


class CompressionBomb(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Expansion()


class Expansion(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if facts.stage is Stage.COMPRESSION and isinstance(facts.damage, LimitExceeded):
            if facts.window > _WINDOW:
                return NOTHING
            return (Remark(f"{facts.damage.message}; the rest was not read", severity=Severity.ERROR),)
        if not is_sound(facts) or facts.unpacked < max(_LARGE, _RATIO * facts.size):
            return NOTHING
        times = facts.unpacked // max(1, facts.size)
        return (Remark(f"{size_text(facts.size)} become {size_text(facts.unpacked)}, {times} times as much"),)

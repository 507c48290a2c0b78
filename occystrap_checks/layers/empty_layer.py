"""Layers without any entry."""

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


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="empty-layer",
        summary="no layer is empty",
        implementation="occystrap_checks.layers.empty_layer:EmptyLayer",
        severity=Severity.INFO,
        needs=Needs.LAYERS,
        why="An empty layer costs a request at every pull and a directory in every stack. The history can say "
        "that a step changed nothing instead, with empty_layer.",
        example="RUN true, built with a builder that stores a layer for every step.",
        remedy="Mark the step as empty_layer in the history and leave the layer out; most builders do.",
    )


class EmptyLayer(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return AnyEntry()


class AnyEntry(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not is_sound(facts) or facts.entries:
            return NOTHING
        return (Remark("the layer holds nothing"),)

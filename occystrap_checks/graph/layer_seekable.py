"""Layers whose reading broke off, with no way back to that place."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.unread import broke_off
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
        name="layer-seekable",
        summary="the reading of a layer does not break off",
        implementation="occystrap_checks.graph.layer_seekable:LayerSeekable",
        severity=Severity.ERROR,
        needs=Needs.LAYERS,
        why="The stream of a layer ended in the middle and could not be taken up again at that place: what comes after "
        "it was not checked, and whoever pulls the image may meet the same. (The id is that of the previous tool, "
        "which had to rewind a layer to look into it; here a layer is read once.)",
        example="A registry behind a proxy that cuts long downloads and answers no Range requests.",
        remedy="Check again; where it breaks off each time, look at the connection, the proxy or the disk.",
    )


class LayerSeekable(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return BrokenOff()


class BrokenOff(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not broke_off(facts):
            return ()
        return (Remark(f"the layer breaks off after {facts.size} bytes: {facts.damage}"),)

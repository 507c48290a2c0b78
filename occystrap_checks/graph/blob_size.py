"""The sizes of layers, as they are stored."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.unread import UNREAD
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
        name="blob-size",
        summary="layers are as long as their descriptors say",
        implementation="occystrap_checks.graph.blob_size:BlobSize",
        severity=Severity.ERROR,
        needs=Needs.LAYERS,
        why="Engines stop reading after the size in the descriptor, or refuse content of another length; a wrong size "
        "also breaks resumed downloads and quotas.",
        example='A manifest that says "size": 1000 of a layer of 1024 bytes.',
        remedy="Write the manifest again with the real size, with the tool that made it or with occystrap.",
    )


class BlobSize(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return SizeOfLayer()


class SizeOfLayer(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        descriptor = facts.layer.descriptor
        if descriptor is None or facts.size == descriptor.size or isinstance(facts.damage, UNREAD):
            return ()
        if facts.size > descriptor.size:
            return (Remark(f"the layer's blob is longer than the {descriptor.size} bytes that its descriptor says"),)
        return (Remark(f"the layer's blob is {facts.size} bytes long, its descriptor says {descriptor.size}"),)

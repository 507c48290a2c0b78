"""Layers that are stored as they are."""

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
    hookimpl,
)
from occystrap_core.model.media_types import Compression


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="uncompressed-layer",
        summary="layers are compressed",
        implementation="occystrap_checks.compression.uncompressed_layer:UncompressedLayer",
        severity=Severity.INFO,
        needs=Needs.LAYERS,
        why="Plain tar layers are legal; they take two to four times the room and time of compressed ones "
        "wherever the image is moved.",
        example="umoci repack or docker save, whose layers lie uncompressed.",
        remedy="Let the registry client compress while pushing: occystrap process … does.",
    )


class UncompressedLayer(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Plain()


class Plain(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not is_sound(facts) or facts.compression is not Compression.NONE:
            return NOTHING
        return (Remark(f"the layer is stored uncompressed, in {size_text(facts.size)}"),)

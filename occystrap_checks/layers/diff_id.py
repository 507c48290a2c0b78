"""The digests of layers, uncompressed."""

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
from occystrap_core.model.media_types import layer_compression


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="diff-id",
        summary="the content of each layer is the one that the config names",
        implementation="occystrap_checks.layers.diff_id:DiffId",
        severity=Severity.ERROR,
        needs=Needs.LAYERS,
        why="The config lists what each layer is once it is inflated. Engines compare, and refuse an image whose "
        "layer is another one.",
        example="A manifest whose layers were recompressed or filtered while the config was left as it was.",
        remedy="Write the config again with the digests of the uncompressed layers, or put the right layers in place.",
    )


class DiffId(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Content()


class Content(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        promised, found = facts.layer.diff_id, facts.diff_id
        if not is_sound(facts) or promised is None or found is None:
            return NOTHING
        if found == promised:
            return (Remark(f"the layer is {found}, as the config says", severity=Severity.INFO),)
        message = f"the layer is {found} once inflated, the config says {promised}"
        if promised != facts.digest:
            return (Remark(message),)
        if facts.layer.descriptor and layer_compression(facts.layer.descriptor.media_type) != facts.compression:
            return NOTHING  # the rule media-type-vs-magic speaks of the cause
        return (Remark(f"{message}, the digest of the compressed blob"),)

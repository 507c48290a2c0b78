"""What happens to each blob, decided from documents alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from occystrap_core.contracts.output import OutputTraits
from occystrap_core.model.errors import UsageError
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.model.media_types import Compression, layer_compression, recompressed_layer
from occystrap_core.model.value import value


@value
class LayerPlan:
    """`order` numbers the blobs of the whole run. `stored_as` is what the destination will hold;
    equal to `declared` where the blob may be copied as it lies. `changed_as` is what it will hold
    instead once a filter changed the layer."""

    image: Image
    layer: Layer
    order: int
    declared: Compression
    stored_as: Compression
    changed_as: Compression

    @property
    def changed(self) -> LayerPlan:
        return replace(self, stored_as=self.changed_as)

    @property
    def keeps_blob(self) -> bool:
        return self.stored_as is self.declared

    @property
    def media_type(self) -> str:
        if not self.layer.is_tar or self.keeps_blob:
            return self.layer.descriptor.media_type
        return recompressed_layer(self.layer.descriptor.media_type, self.stored_as)

    def __str__(self) -> str:
        kind = "layer" if self.layer.is_tar else "blob"
        return f"{kind} {self.layer.position + 1} ({self.layer.descriptor.digest.short})"


def plan_layers(
    images: Sequence[Image], traits: OutputTraits, unpacked: bool, first_order: int = 0
) -> Iterator[LayerPlan]:
    """`unpacked` says that the source's layers lie uncompressed for its own reasons."""
    order = first_order
    for image in images:
        for layer in image.layers:
            yield _plan(image, layer, order, traits, unpacked)
            order += 1


def _plan(image: Image, layer: Layer, order: int, traits: OutputTraits, unpacked: bool) -> LayerPlan:
    declared = layer_compression(layer.descriptor.media_type)
    if not layer.is_tar or declared is None:
        if not traits.holds_artifacts:
            raise UsageError(
                f"the destination holds image layers only, not {layer.descriptor.media_type or 'untyped blobs'}",
                hint="ocidir:// and registry:// hold artifacts",
            )
        return LayerPlan(image, layer, order, Compression.NONE, Compression.NONE, Compression.NONE)
    kept_as = stored_as(declared, traits, unpacked)
    return LayerPlan(image, layer, order, declared, kept_as, traits.changed or kept_as)


def stored_as(declared: Compression, traits: OutputTraits, unpacked: bool) -> Compression:
    """What becomes of a layer that lies in this compression and is not changed."""
    if traits.convert:
        return traits.convert
    if declared in traits.compressions and not (unpacked and declared is Compression.NONE):
        return declared
    return traits.compressions[0]

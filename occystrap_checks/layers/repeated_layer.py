"""The same layer twice in one image."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, Where, hookimpl
from occystrap_core.model.digest import Digest


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="repeated-layer",
        summary="no layer stands in an image twice",
        implementation="occystrap_checks.layers.repeated_layer:RepeatedLayer",
        severity=Severity.INFO,
        needs=Needs.DOCUMENTS,
        why="It is legal, and engines cope; tools that know layers by digest alone have lost one of the two.",
        example="COPY of the same file in two steps, or two empty layers.",
        remedy="Leave the second one out where it changes nothing.",
    )


class RepeatedLayer(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        first: dict[Digest, int] = {}
        for layer in image.layers:
            if layer.descriptor is None or image.is_artifact:
                continue
            earlier = first.setdefault(layer.descriptor.digest, layer.position)
            if earlier != layer.position:
                yield Remark(f"the layer is the same as layer {earlier + 1}", Where(layer=layer.position))

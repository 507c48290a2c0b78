"""Layers that registries do not hold."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_text
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Needs,
    Remark,
    Severity,
    Where,
    hookimpl,
    shown,
)
from occystrap_core.model.media_types import DOCKER_FOREIGN_LAYER, OCI_NONDISTRIBUTABLE_LAYER

_BASES = (DOCKER_FOREIGN_LAYER, OCI_NONDISTRIBUTABLE_LAYER)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="foreign-layer",
        summary="every layer is in the registry",
        implementation="occystrap_checks.layers.foreign_layer:ForeignLayer",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Foreign and nondistributable layers are fetched from urls in the manifest. OCI deprecated them in "
        "1.1, Docker 28 dropped the option to push them, and an image in a closed network is incomplete.",
        example="An old Windows base image: application/vnd.docker.image.rootfs.foreign.diff.tar.gzip with urls.",
        remedy="Push the layer as an ordinary one, and write its media type without foreign or nondistributable.",
    )


class ForeignLayer(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        for layer in image.layers:
            media_type = as_text(layer.reference.get("mediaType"))
            if media_type.startswith(_BASES):
                yield Remark(f"the layer's media type is {shown(media_type)}", Where(layer=layer.position))
            elif layer.reference.get("urls"):
                yield Remark(
                    "the layer is to be fetched from urls outside of the registry", Where(layer=layer.position)
                )

"""Layers that a registry does not hold."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
from occystrap_checks.lenient import as_text, as_texts
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, Where, hookimpl
from occystrap_core.model.media_types import DOCKER_FOREIGN_LAYER, OCI_NONDISTRIBUTABLE_LAYER

_FOREIGN = (DOCKER_FOREIGN_LAYER, OCI_NONDISTRIBUTABLE_LAYER)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="nondistributable",
        summary="every layer lies in the registry of its image",
        implementation="occystrap_checks.compat.nondistributable:Nondistributable",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Foreign layers are fetched from the addresses in their descriptors, which do not work in closed networks. "
        "The specification deprecated them in 1.1. Docker 28.0 dropped the option that pushes them; it is "
        "named where it is among the targets.",
        example="A Windows image built on a base image of 2022 or older.",
        remedy="Build on a current base image, and copy the image with its layers (skopeo copy does so by default).",
    )


class Nondistributable(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        for layer in image.layers:
            where = Where(layer=layer.position)
            if as_text(layer.reference.get("mediaType")).startswith(_FOREIGN):
                yield Remark(f"the layer is nondistributable: {self._who()}", where)
            elif as_texts(layer.reference.get("urls")):
                yield Remark("the layer has urls: clients may fetch it from elsewhere", where)

    def _who(self) -> str:
        refusals = [reason for _, reason in feature("nondistributable").refusals(self.context.targets)]
        return "; ".join(["registries may not hold it", *refusals])

"""Layers that only a key opens."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_text
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, Where, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="encrypted-layer",
        summary="layers are not encrypted",
        implementation="occystrap_checks.graph.encrypted_layer:EncryptedLayer",
        severity=Severity.INFO,
        needs=Needs.DOCUMENTS,
        why="Only engines that are set up for ocicrypt and have the key run such an image; what is in the layer was "
        "not checked.",
        example="skopeo copy --encryption-key jwe:./public.pem …",
        remedy="Nothing to do where that is meant; check the image before it is encrypted.",
    )


class EncryptedLayer(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        for layer in image.layers:
            if as_text(layer.reference.get("mediaType")).endswith("+encrypted"):
                yield Remark("the layer is encrypted: its content was not checked", Where(layer=layer.position))

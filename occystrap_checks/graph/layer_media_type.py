"""Layers of media types that nobody unpacks."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_object, as_text
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    Where,
    hookimpl,
    shown,
)
from occystrap_core.model.media_types import is_layer

_JUDGED_ELSEWHERE = "application/vnd.erofs.layer.v1"
_NEEDS_A_SNAPSHOTTER = ("application/vnd.oci.image.layer.nydus.", "application/vnd.cncf.nydus.")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="layer-media-type",
        summary="layers have media types that engines unpack",
        implementation="occystrap_checks.graph.layer_media_type:LayerMediaType",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Engines refuse a layer whose media type they do not know, or leave it out; and so does whoever checks it: "
        "what is in such a layer is unknown, and what a container would see of the whole image as well. Nydus layers "
        "are a warning: a snapshotter of their own mounts them.",
        example="application/vnd.oci.image.layer.v1.tar.gzip, where a + was meant before gzip; or …tar+xz.",
        remedy="Correct the media type in the manifest: application/vnd.oci.image.layer.v1.tar, alone or with +gzip or "
        "+zstd; or write the layer again in one of these forms.",
    )


class LayerMediaType(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        if image.is_artifact or image.attests or not _is_run(image):
            return
        for layer in image.layers:
            media_type = as_text(layer.reference.get("mediaType"))
            if media_type and not is_layer(media_type) and not _is_judged_elsewhere(media_type):
                yield _remark(layer, media_type)


def _is_run(image: ImageUnderCheck) -> bool:
    """Signatures and the like have a config with layers, too, but of no system."""
    config = as_object(image.config.json if image.config else None)
    return any(layer.is_tar for layer in image.layers) or bool(as_text(config.get("os")))


def _is_judged_elsewhere(media_type: str) -> bool:
    return media_type.endswith("+encrypted") or media_type.startswith(_JUDGED_ELSEWHERE)


def _remark(layer: LayerUnderCheck, media_type: str) -> Remark:
    message = (
        f"the layer is of media type {shown(media_type[:100])}, which engines do not unpack: its content was not "
        "judged, nor what takes all layers"
    )
    needs_more = media_type.startswith(_NEEDS_A_SNAPSHOTTER)
    return Remark(message, Where(layer=layer.position), Severity.WARNING if needs_more else None)

"""Assembly: source documents plus sealed layers give the documents of the destination. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from occystrap_core.contracts.filter import Filter
from occystrap_core.model import zstd_chunked
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.document import Document
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.image import Image, Index
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression, Family, in_family, layer_compression

_STALE_WITH_THE_BLOB = (
    "containerd.io/snapshot/stargz/",
    "io.containers.estargz.",
    *zstd_chunked.PREFIXES,
)
"""Annotations that describe the compressed bytes of a layer: wrong once those are others."""


@dataclass(frozen=True, slots=True)
class AssembledImage:
    source: Image
    config: Document
    manifest: Document
    layers: tuple[SealedLayer, ...]

    @property
    def descriptor(self) -> Descriptor:
        """The source's descriptor, about the new manifest."""
        manifest = self.manifest
        return replace(
            self.source.descriptor, media_type=manifest.media_type, digest=manifest.digest, size=len(manifest.raw)
        )


def assemble_image(
    image: Image, layers: Sequence[SealedLayer], filters: Sequence[Filter], family: Family | None
) -> AssembledImage:
    if image.is_artifact:
        return AssembledImage(image, image.config, _manifest(image, image.config, layers, None), tuple(layers))
    sealed = tuple(replace(layer, blob=_in_family(layer.blob, family)) for layer in layers)
    config = _config(image, sealed, filters)
    manifest = _manifest(image, config, sealed, family)
    if family:
        config = Document(config.raw, in_family(config.media_type, family))
    return AssembledImage(image, config, manifest, sealed)


def assemble_index(index: Index, children: Sequence[Descriptor | None], family: Family | None) -> Document:
    """`children` are the new descriptors in order; None drops that entry."""
    entries = index.document.json["manifests"]
    kept = [child.rewritten(entry) for child, entry in zip(children, entries, strict=True) if child]
    return _converted(index.document, {**index.document.json, "manifests": kept}, family)


def _config(image: Image, layers: Sequence[SealedLayer], filters: Sequence[Filter]) -> Document:
    config: Mapping[str, Any] = image.config.json
    for each in filters:
        config = each.config(config, image)
    if any(layer.changed for layer in layers):
        rootfs = {**config["rootfs"], "diff_ids": [str(layer.diff_id) for layer in layers]}
        config = {**config, "rootfs": rootfs}
    return image.config.edited(config)


def _manifest(image: Image, config: Document, layers: Sequence[SealedLayer], family: Family | None) -> Document:
    found = image.manifest.json
    config_type = in_family(image.config_descriptor.media_type, family) if family else config.media_type
    config_descriptor = Descriptor(config_type, config.digest, len(config.raw))
    edited = {**found, "config": _referring(config_descriptor, found["config"])}
    if "layers" in found:
        blobs = [layer.blob for layer in layers]
        edited["layers"] = [_referring(blob, old) for blob, old in zip(blobs, found["layers"], strict=True)]
    return _converted(image.manifest, edited, family)


def _in_family(blob: Descriptor, family: Family | None) -> Descriptor:
    if family is None:
        return blob
    if family is Family.DOCKER and layer_compression(blob.media_type) is Compression.ZSTD:
        raise InvalidImage("docker's media types have no zstd layers", hint="use format=oci or compression=gzip")
    return replace(blob, media_type=in_family(blob.media_type, family))


def _referring(descriptor: Descriptor, found: Mapping[str, Any]) -> dict[str, Any]:
    """`found`, now about `descriptor`: what only described the old bytes is dropped with them."""
    edited = descriptor.rewritten(found)
    if str(descriptor.digest) == found.get("digest"):
        return edited
    edited.pop("data", None)
    edited.pop("urls", None)
    annotations = edited.get("annotations")
    if isinstance(annotations, Mapping):
        kept = {key: value for key, value in annotations.items() if not key.startswith(_STALE_WITH_THE_BLOB)}
        edited.pop("annotations")
        if kept:
            edited["annotations"] = kept
    return edited


def _converted(document: Document, edited: Mapping[str, Any], family: Family | None) -> Document:
    if family is None:
        return document.edited(edited)
    media_type = in_family(document.media_type, family)
    if media_type != document.media_type or "mediaType" in edited:
        edited = {**edited, "mediaType": media_type}
    return document.edited(edited, media_type)

"""Reading the documents of an image: checked against their descriptors before anything parses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occystrap_core.contracts.input import Input
from occystrap_core.model import media_types
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import DigestMismatch, InvalidImage, LimitExceeded, attributed
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.model.media_types import DOCKER_SCHEMA1, INDEXES, MANIFESTS
from occystrap_core.model.platform import Platform

MAX_DEPTH = 8
"""How many indexes may lie in each other."""

MAX_NODES = 1024
"""How many manifests an image may have."""

MAX_LAYERS = 1024
"""Eight times what docker can run."""


def read_document(source: Input, descriptor: Descriptor, what: str) -> Document:
    with attributed("source"):
        raw = source.document(descriptor)
        if len(raw) != descriptor.size:
            raise DigestMismatch(f"{what} is {len(raw)} bytes, its descriptor says {descriptor.size}")
        if not descriptor.digest.matches(raw):
            raise DigestMismatch(f"{what} has other content than its digest says")
        return Document(raw, descriptor.media_type)


def read_manifest_or_index(source: Input, descriptor: Descriptor) -> Document:
    """An index or manifest whose type is beyond doubt: descriptor, body and shape agree."""
    document = read_document(source, descriptor, f"manifest {descriptor.digest.short}")
    with attributed("source"):
        media_type = agreed_media_type(descriptor, document.json)
    return Document(document.raw, media_type)


def read_image(source: Input, descriptor: Descriptor, manifest: Document) -> Image:
    """The image of a manifest that is already read; its config is fetched here."""
    what = f"manifest {descriptor.digest.short}"
    with attributed("source"):
        config_descriptor = Descriptor.from_json(manifest.json.get("config"), f"{what}: config")
        layer_descriptors = _layer_descriptors(manifest.json, what)
    config = read_document(source, config_descriptor, f"config {config_descriptor.digest.short}")
    with attributed("source"):
        if _is_artifact(manifest, config, layer_descriptors):
            layers = tuple(Layer(position, found) for position, found in enumerate(layer_descriptors))
            return Image(descriptor, manifest, config_descriptor, config, layers, descriptor.platform, is_artifact=True)
        layers = _layers(config.json, layer_descriptors, what)
        platform = descriptor.platform or platform_of(config)
    return Image(descriptor, manifest, config_descriptor, config, layers, platform)


def platform_of(config: Document) -> Platform | None:
    found = Platform.from_json(config.json)
    return found if found and found.os and found.architecture else None


def children_of(index: Document, what: str) -> list[Descriptor]:
    entries = index.json.get("manifests")
    if not isinstance(entries, list):
        raise InvalidImage(f"{what}: manifests must be a list")
    return [Descriptor.from_json(entry, f"{what}: entry {n}") for n, entry in enumerate(entries)]


def agreed_media_type(descriptor: Descriptor, body: Mapping[str, Any]) -> str:
    """The type that descriptor, body and fields agree on; InvalidImage where they do not."""
    declared, embedded = descriptor.media_type, body.get("mediaType")
    what = f"manifest {descriptor.digest.short}"
    if declared in DOCKER_SCHEMA1 or body.get("schemaVersion") == 1:
        raise InvalidImage(
            f"{what} has schema version 1, which registries and docker no longer serve",
            hint="push the image again with a current docker, podman or skopeo",
        )
    if embedded is not None and declared and embedded != declared:
        raise InvalidImage(f"{what} calls itself {embedded!r}, its descriptor says {declared!r}")
    if "manifests" in body and ("layers" in body or "config" in body):
        raise InvalidImage(f"{what} is ambiguous: it has the fields of an index and of a manifest")
    media_type = str(declared or embedded or _type_by_shape(body))
    if media_type not in INDEXES | MANIFESTS:
        raise InvalidImage(f"{what} is of type {media_type!r}, which is neither an image manifest nor an index")
    if ("manifests" in body) != (media_type in INDEXES):
        raise InvalidImage(f"{what} is declared as {media_type!r} but does not have its fields")
    return media_type


def _type_by_shape(body: Mapping[str, Any]) -> str:
    return media_types.OCI_INDEX if "manifests" in body else media_types.OCI_MANIFEST


def _layer_descriptors(manifest: Mapping[str, Any], what: str) -> list[Descriptor]:
    layers = manifest.get("layers")
    if layers is None and "artifactType" in manifest:
        return []
    if not isinstance(layers, list):
        raise InvalidImage(f"{what}: layers must be a list")
    return [Descriptor.from_json(layer, f"{what}: layer {n}") for n, layer in enumerate(layers)]


def _is_artifact(manifest: Document, config: Document, layers: list[Descriptor]) -> bool:
    if manifest.json["config"].get("mediaType") not in media_types.CONFIGS:
        return True
    has_layers = any(media_types.is_layer(layer.media_type) for layer in layers)
    return not has_layers and "rootfs" not in config.json


def _layers(config: Mapping[str, Any], descriptors: list[Descriptor], what: str) -> tuple[Layer, ...]:
    rootfs = config.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, Mapping) else None
    if diff_ids is None and not descriptors:
        diff_ids = []
    if not isinstance(diff_ids, list):
        raise InvalidImage(f"{what}: its config has no rootfs.diff_ids")
    if len(descriptors) > MAX_LAYERS:
        raise LimitExceeded(f"{what} has {len(descriptors)} layers; the limit is {MAX_LAYERS}")
    if len(diff_ids) != len(descriptors):
        raise InvalidImage(f"{what} lists {len(descriptors)} layers, its config {len(diff_ids)} diff_ids")
    commands = _layer_commands(config, len(diff_ids))
    return tuple(
        Layer(position, descriptor, Digest.parse(diff_id), command)
        for position, (descriptor, diff_id, command) in enumerate(zip(descriptors, diff_ids, commands, strict=True))
    )


def _layer_commands(config: Mapping[str, Any], count: int) -> list[str]:
    history = config.get("history")
    entries = history if isinstance(history, list) else []
    commands = [
        str(entry.get("created_by", ""))
        for entry in entries
        if isinstance(entry, Mapping) and not entry.get("empty_layer")
    ]
    return (commands + [""] * count)[:count]

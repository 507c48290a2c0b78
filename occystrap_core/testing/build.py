"""Images for tests, built in memory with every document and blob at hand.

    image = build_image([layer_tar(("etc/", ""), ("etc/motd", "hello"))])
    index = build_index([image, build_image([...], platform=Platform("linux", "arm64"))], attest=True)

The blobs are made by other compressors, or in another form, than the engine's own: a layer
that is compressed again without need gets another digest and is noticed.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from occystrap_core.contracts.settings import DEFAULT_PLATFORM
from occystrap_core.model.descriptor import Descriptor, JsonObject
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.image import ATTESTED_DIGEST
from occystrap_core.model.media_types import OCI_EMPTY, OCI_LAYER, Compression, Family, in_family, recompressed_layer
from occystrap_core.model.platform import Platform
from occystrap_core.streams.codec import deflate
from occystrap_core.testing.documents import EPOCH, compose_config, compose_index, compose_manifest
from occystrap_core.testing.layers import (
    Member,
    device,
    directory,
    fifo,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)

__all__ = [
    "BuiltImage",
    "BuiltIndex",
    "BuiltLayer",
    "Content",
    "Member",
    "build_artifact",
    "build_attestation",
    "build_image",
    "build_index",
    "build_layer",
    "device",
    "directory",
    "fifo",
    "file",
    "hardlink",
    "layer_tar",
    "opaque",
    "symlink",
    "whiteout",
]

_SKIPPABLE_ZSTD_FRAME = b"\x50\x2a\x4d\x18\x04\x00\x00\x00test"


class Content(Protocol):
    """A whole tree: its root, and the exact bytes of everything below."""

    @property
    def root(self) -> Descriptor: ...

    @property
    def documents(self) -> Mapping[Digest, bytes]: ...

    @property
    def blobs(self) -> Mapping[Digest, bytes]: ...


@dataclass(frozen=True, slots=True)
class BuiltLayer:
    """`tar` are the uncompressed bytes and `blob` the stored ones; an artifact's blob has no diff_id."""

    descriptor: Descriptor
    blob: bytes
    tar: bytes
    diff_id: Digest | None


@dataclass(frozen=True, slots=True)
class BuiltImage:
    root: Descriptor
    manifest: Document
    config: Document
    layers: tuple[BuiltLayer, ...]

    @property
    def documents(self) -> Mapping[Digest, bytes]:
        return {document.digest: document.raw for document in (self.config, self.manifest)}

    @property
    def blobs(self) -> Mapping[Digest, bytes]:
        return {layer.descriptor.digest: layer.blob for layer in self.layers}

    @property
    def images(self) -> tuple[BuiltImage, ...]:
        return (self,)


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    root: Descriptor
    index: Document
    children: tuple[BuiltImage | BuiltIndex, ...]

    @property
    def documents(self) -> Mapping[Digest, bytes]:
        below = {digest: raw for child in self.children for digest, raw in child.documents.items()}
        return {**below, self.index.digest: self.index.raw}

    @property
    def blobs(self) -> Mapping[Digest, bytes]:
        return {digest: blob for child in self.children for digest, blob in child.blobs.items()}

    @property
    def images(self) -> tuple[BuiltImage, ...]:
        return tuple(image for child in self.children for image in child.images)


def build_image(
    layers: Iterable[bytes | BuiltLayer] = (),
    *,
    family: Family = Family.DOCKER,
    compression: Compression = Compression.GZIP,
    platform: Platform = DEFAULT_PLATFORM,
    config: JsonObject | None = None,
    history: Sequence[JsonObject] | None = None,
    manifest: JsonObject | None = None,
) -> BuiltImage:
    """An image of these layers, given as tar bytes or as layers built one by one.

    `config` and `manifest` add or replace top-level keys of those documents; `history` stands
    for the default of one step per layer.
    """
    built = tuple(_as_layer(layer, family, compression) for layer in layers)
    steps = default_history(len(built)) if history is None else history
    diff_ids = [layer.diff_id for layer in built if layer.diff_id is not None]
    config_document = compose_config(platform, diff_ids, steps, family=family, also=config)
    descriptors = [layer.descriptor for layer in built]
    document = compose_manifest(config_document.descriptor(), descriptors, family=family, also=manifest)
    return BuiltImage(replace(document.descriptor(), platform=platform), document, config_document, built)


def build_layer(
    tar: bytes,
    *,
    family: Family = Family.DOCKER,
    compression: Compression = Compression.GZIP,
    media_type: str = "",
    extra: JsonObject | None = None,
) -> BuiltLayer:
    """One layer; `media_type` and `extra` (annotations, urls …) stand in its descriptor as given."""
    blob = _compressed(tar, compression)
    wanted = media_type or in_family(recompressed_layer(OCI_LAYER, compression), family)
    return BuiltLayer(Descriptor(wanted, Digest.of(blob), len(blob), extra=extra or {}), blob, tar, Digest.of(tar))


def build_index(
    children: Iterable[BuiltImage | BuiltIndex],
    *,
    family: Family = Family.OCI,
    attest: bool = False,
    also: JsonObject | None = None,
) -> BuiltIndex:
    """An index over these; with `attest` every image is followed by an attestation, as buildkit does."""
    listed = tuple(_with_attestations(children)) if attest else tuple(children)
    document = compose_index([child.root for child in listed], family=family, also=also)
    return BuiltIndex(document.descriptor(), document, listed)


def build_artifact(
    blobs: Mapping[str, bytes],
    *,
    artifact_type: str = "application/vnd.example.thing",
    manifest: JsonObject | None = None,
) -> BuiltImage:
    """An OCI artifact: an empty config, and blobs by media type."""
    config = Document(b"{}", OCI_EMPTY)
    layers = tuple(_as_blob(media_type, blob) for media_type, blob in blobs.items())
    also = {"artifactType": artifact_type, **(manifest or {})}
    document = compose_manifest(config.descriptor(), [layer.descriptor for layer in layers], also=also)
    return BuiltImage(replace(document.descriptor(), extra={"artifactType": artifact_type}), document, config, layers)


def build_attestation(image: BuiltImage) -> BuiltImage:
    """The manifest that buildkit puts beside an image: an image of one in-toto statement."""
    statement = (
        b'{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"digest":"%s"}]}' % image.root.digest.hex.encode()
    )
    layer = replace(_as_blob("application/vnd.in-toto+json", statement), diff_id=Digest.of(statement))
    unknown = Platform("unknown", "unknown")
    attestation = build_image([layer], family=Family.OCI, platform=unknown, history=())
    notes = {ATTESTED_DIGEST: str(image.root.digest), "vnd.docker.reference.type": "attestation-manifest"}
    return replace(attestation, root=replace(attestation.root, extra={"annotations": notes}))


def default_history(count: int) -> list[JsonObject]:
    return [{"created": EPOCH, "created_by": f"COPY layer{position} /"} for position in range(count)]


def _with_attestations(children: Iterable[BuiltImage | BuiltIndex]) -> Iterator[BuiltImage | BuiltIndex]:
    for child in children:
        yield child
        if isinstance(child, BuiltImage):
            yield build_attestation(child)


def _as_layer(layer: bytes | BuiltLayer, family: Family, compression: Compression) -> BuiltLayer:
    return build_layer(layer, family=family, compression=compression) if isinstance(layer, bytes) else layer


def _as_blob(media_type: str, blob: bytes) -> BuiltLayer:
    return BuiltLayer(Descriptor(media_type, Digest.of(blob), len(blob)), blob, blob, None)


def _compressed(tar: bytes, compression: Compression) -> bytes:
    if compression is Compression.GZIP:
        return gzip.compress(tar, 9, mtime=0)
    if compression is Compression.ZSTD:
        return b"".join(deflate((tar,), compression)) + _SKIPPABLE_ZSTD_FRAME
    return tar

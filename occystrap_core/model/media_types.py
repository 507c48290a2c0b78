"""Media types of documents and layers, and what follows from them."""

from __future__ import annotations

from enum import StrEnum

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar"
OCI_NONDISTRIBUTABLE_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar"

DOCKER_SCHEMA1 = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)

INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})


class Compression(StrEnum):
    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class Family(StrEnum):
    """The two sets of media types that images are written in."""

    OCI = "oci"
    DOCKER = "docker"


_SUFFIX = {
    Family.OCI: {Compression.NONE: "", Compression.GZIP: "+gzip", Compression.ZSTD: "+zstd"},
    Family.DOCKER: {Compression.NONE: "", Compression.GZIP: ".gzip", Compression.ZSTD: ".zstd"},
}
_LAYER_BASES = {
    OCI_LAYER: Family.OCI,
    OCI_NONDISTRIBUTABLE_LAYER: Family.OCI,
    DOCKER_LAYER: Family.DOCKER,
    DOCKER_FOREIGN_LAYER: Family.DOCKER,
}
_LAYERS: dict[str, tuple[str, Family, Compression]] = {
    base + suffix: (base, family, compression)
    for base, family in _LAYER_BASES.items()
    for compression, suffix in _SUFFIX[family].items()
}
_TWINS = {
    OCI_INDEX: DOCKER_LIST,
    OCI_MANIFEST: DOCKER_MANIFEST,
    OCI_CONFIG: DOCKER_CONFIG,
    OCI_LAYER: DOCKER_LAYER,
    OCI_NONDISTRIBUTABLE_LAYER: DOCKER_FOREIGN_LAYER,
}
_TO_FAMILY = {
    Family.OCI: {docker: oci for oci, docker in _TWINS.items()},
    Family.DOCKER: dict(_TWINS),
}


def is_layer(media_type: str) -> bool:
    """Whether a blob of this type is a tar layer; anything else is carried as it lies."""
    return media_type in _LAYERS


def layer_compression(media_type: str) -> Compression | None:
    """The compression a layer's media type declares; None for what is not a tar layer."""
    known = _LAYERS.get(media_type)
    return known[2] if known else None


def recompressed_layer(media_type: str, compression: Compression) -> str:
    """The same kind of layer in another compression."""
    base, family, _ = _LAYERS[media_type]
    return base + _SUFFIX[family][compression]


def in_family(media_type: str, family: Family) -> str:
    """The same thing in the other family's words; unknown types stay as they are."""
    if media_type in _LAYERS:
        base, _, compression = _LAYERS[media_type]
        return _TO_FAMILY[family].get(base, base) + _SUFFIX[family][compression]
    return _TO_FAMILY[family].get(media_type, media_type)


def family_of(media_type: str) -> Family | None:
    if media_type in _LAYERS:
        return _LAYERS[media_type][1]
    if media_type.startswith("application/vnd.oci."):
        return Family.OCI
    if media_type.startswith("application/vnd.docker."):
        return Family.DOCKER
    return None

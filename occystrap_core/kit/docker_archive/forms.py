"""The two forms an archive is written in: what its members are called, and which documents it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Protocol

from occystrap_core.kit.docker_archive.names import UNNAMED, full_reference
from occystrap_core.kit.docker_archive.saved import MANIFEST_FILE
from occystrap_core.kit.oci_layout.names import (
    CONTAINERD_NAME,
    INDEX_FILE,
    MARKER,
    MARKER_FILE,
    REF_NAME,
    blob_file,
)
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import MANIFESTS, OCI_INDEX, Compression, layer_compression

MemberContent = tuple[str, bytes]


class ArchiveForm(Protocol):
    format: str

    def announced(self, blob: Descriptor) -> str:
        """The name of a blob that is known before it is read; empty where it takes more to name it."""
        ...

    def member_name(self, blob: Descriptor, layer: SealedLayer | None) -> str: ...

    def documents(self, document: Document) -> Iterator[MemberContent]:
        """What to write for a document; children come before parents."""
        ...

    def closing(self, root: Descriptor) -> Iterator[MemberContent]:
        """The members that make the image visible."""
        ...


class DockerSave:
    """`<diff_id>/layer.tar` and `<config>.json`, and a manifest.json that names them."""

    format = "docker"

    def __init__(self, name: ImageName) -> None:
        found = full_reference(name)
        self._repo_tags = [str(found.name)] if found else []
        self._layers: dict[Digest, str] = {}
        self._manifests: dict[Digest, Document] = {}

    def announced(self, blob: Descriptor) -> str:
        return layer_file(blob.digest) if layer_compression(blob.media_type) is Compression.NONE else ""

    def member_name(self, blob: Descriptor, layer: SealedLayer | None) -> str:
        diff_id = blob.digest if self.announced(blob) else layer and layer.diff_id
        if not diff_id:
            raise UsageError(f"a docker archive holds image layers only, not {blob.media_type}", hint="use ?format=oci")
        self._layers[blob.digest] = layer_file(diff_id)
        return self._layers[blob.digest]

    def documents(self, document: Document) -> Iterator[MemberContent]:
        """The image's manifest has no place in the archive; its layers are listed in the archive's own."""
        if document.media_type in MANIFESTS:
            self._manifests[document.digest] = document
        else:
            yield config_file(document.digest), document.raw

    def closing(self, root: Descriptor) -> Iterator[MemberContent]:
        manifest = self._manifests[root.digest].json
        layers = [self._layers[Digest.parse(layer["digest"])] for layer in manifest["layers"]]
        config = config_file(Digest.parse(manifest["config"]["digest"]))
        saved = [{"Layers": layers, "RepoTags": self._repo_tags, "Config": config}]
        yield MANIFEST_FILE, json.dumps(saved).encode()


class OciArchive:
    """An image layout with one image, named as skopeo, podman and containerd each look for it."""

    format = "oci"

    def __init__(self, name: ImageName) -> None:
        self._annotations = _names(name)

    def announced(self, blob: Descriptor) -> str:
        return blob_file(blob.digest)

    def member_name(self, blob: Descriptor, layer: SealedLayer | None) -> str:
        return blob_file(blob.digest)

    def documents(self, document: Document) -> Iterator[MemberContent]:
        yield blob_file(document.digest), document.raw

    def closing(self, root: Descriptor) -> Iterator[MemberContent]:
        kept = {key: value for key, value in root.annotations.items() if key not in (CONTAINERD_NAME, REF_NAME)}
        entry = {**root.to_json(), "annotations": {**kept, **self._annotations}}
        if not entry["annotations"]:
            del entry["annotations"]
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
        yield MARKER_FILE, MARKER
        yield INDEX_FILE, strict_json.dumps(index)


def layer_file(diff_id: Digest) -> str:
    return f"{diff_id.hex}/layer.tar"


def config_file(digest: Digest) -> str:
    return f"{digest.hex}.json"


def _names(name: ImageName) -> dict[str, str]:
    if found := full_reference(name):
        return {CONTAINERD_NAME: str(found), REF_NAME: found.tag}
    return {REF_NAME: name.tag} if name.tag and name != UNNAMED else {}

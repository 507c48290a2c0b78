"""The archive that daemons are sent: an image layout and a docker-save archive at once.

Docker before version 25 and docker with its own store read manifest.json; containerd and podman
read the layout, and so keep the manifest and its digest. Both lists name the same members.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from occystrap_core.kit.docker_archive.forms import MemberContent, OciArchive
from occystrap_core.kit.docker_archive.saved import MANIFEST_FILE
from occystrap_core.kit.oci_layout.names import blob_file
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import MANIFESTS
from occystrap_core.model.reference import Reference


class DaemonArchive:
    format = "docker"

    def __init__(self, reference: Reference) -> None:
        self._layout = OciArchive(reference.name)
        self._repo_tag = str(reference.name)
        self._manifests: dict[Digest, Document] = {}

    def announced(self, blob: Descriptor) -> str:
        return blob_file(blob.digest)

    def member_name(self, blob: Descriptor, layer: SealedLayer | None) -> str:
        return blob_file(blob.digest)

    def documents(self, document: Document) -> Iterator[MemberContent]:
        if document.media_type in MANIFESTS:
            self._manifests[document.digest] = document
        yield from self._layout.documents(document)

    def closing(self, root: Descriptor) -> Iterator[MemberContent]:
        yield from self._layout.closing(root)
        manifest = self._manifests[root.digest].json
        config, *layers = [
            blob_file(Digest.parse(blob["digest"])) for blob in (manifest["config"], *manifest["layers"])
        ]
        saved = [{"Config": config, "RepoTags": [self._repo_tag], "Layers": layers}]
        yield MANIFEST_FILE, json.dumps(saved).encode()

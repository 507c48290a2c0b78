"""Whether an archive's index.json may be read instead of its manifest.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.saved import MANIFEST_FILE, SavedImage
from occystrap_core.kit.oci_layout.index import LayoutIndex
from occystrap_core.kit.oci_layout.names import INDEX_FILE, blob_file
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, LimitExceeded, NotFound

_MAX_DEPTH = 8
_MAX_MANIFESTS = 1024


@dataclass(slots=True)
class Indexed:
    """What lies below index.json: by config, the manifests that are there with all they name, and
    what is not there."""

    manifests: dict[Digest, Descriptor] = field(default_factory=dict)
    missing: list[Descriptor] = field(default_factory=list)

    def of(self, archive: Archive, saved: Sequence[SavedImage]) -> list[Descriptor]:
        """The manifests of these images. Raises what is wrong where one of them is not there."""
        found = []
        for image in saved:
            config = Digest.of(archive.required(image.config, f"{MANIFEST_FILE} names as config"))
            if config not in self.manifests:
                raise self._without(config)
            found.append(self.manifests[config])
        return found

    def _without(self, config: Digest) -> NotFound | InvalidImage:
        if self.missing:
            return NotFound(f"{INDEX_FILE} leads to {self.missing[0].digest.short}, which was not saved")
        return InvalidImage(f"{INDEX_FILE} does not list the image {config.short} of {MANIFEST_FILE}")


def look_below(archive: Archive, index: LayoutIndex) -> Indexed:
    """Every manifest and its blobs are looked for; their contents are not checked."""
    found = Indexed()
    waiting = [(entry, 0) for entry in index.entries]
    for count, (descriptor, depth) in enumerate(waiting):
        if count > _MAX_MANIFESTS or depth > _MAX_DEPTH:
            raise LimitExceeded(f"{INDEX_FILE} lists more manifests than is safe")
        member = archive.members.blob(blob_file(descriptor.digest))
        if member is None:
            found.missing.append(descriptor)
            continue
        body = strict_json.loads_object(archive.content(member), f"manifest {descriptor.digest.short}")
        if isinstance(children := body.get("manifests"), list):
            waiting.extend((Descriptor.from_json(child), depth + 1) for child in children)
        else:
            _note_image(archive, descriptor, body, found)
    return found


def _note_image(archive: Archive, descriptor: Descriptor, body: Mapping[str, Any], found: Indexed) -> None:
    layers = body.get("layers")
    if not isinstance(layers, list):
        raise InvalidImage(f"manifest {descriptor.digest.short} has no list of layers")
    config = Descriptor.from_json(body.get("config"))
    blobs = (config, *map(Descriptor.from_json, layers))
    missing = [blob for blob in blobs if archive.members.blob(blob_file(blob.digest)) is None]
    if missing:
        found.missing.extend(missing)
    else:
        found.manifests.setdefault(config.digest, descriptor)

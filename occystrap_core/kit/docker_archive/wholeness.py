"""Whether an archive's index.json may be read instead of its manifest.json."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.members import Member
from occystrap_core.kit.docker_archive.saved import MANIFEST_FILE, SavedImage
from occystrap_core.kit.oci_layout.index import LayoutIndex
from occystrap_core.kit.oci_layout.names import INDEX_FILE, blob_file
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, LimitExceeded, NotFound

_MAX_DEPTH = 8
_MAX_MANIFESTS = 1024


def require_same_images(archive: Archive, index: LayoutIndex, saved: Sequence[SavedImage]) -> None:
    """Raise what is wrong unless everything below index.json is there, the images of manifest.json among it."""
    indexed = set(_configs(archive, index.entries))
    for image in saved:
        config = Digest.of(archive.required(image.config, f"{MANIFEST_FILE} names as config"))
        if config not in indexed:
            raise InvalidImage(f"{INDEX_FILE} does not list the image {config.short} of {MANIFEST_FILE}")


def _configs(archive: Archive, entries: Iterable[Descriptor]) -> Iterator[Digest]:
    """The config digest of every manifest below, after a look at whether its blobs are there."""
    waiting = [(entry, 0) for entry in entries]
    for count, (descriptor, depth) in enumerate(waiting):
        if count > _MAX_MANIFESTS or depth > _MAX_DEPTH:
            raise LimitExceeded(f"{INDEX_FILE} lists more manifests than is safe")
        raw = archive.content(_member(archive, descriptor))
        body = strict_json.loads_object(raw, f"manifest {descriptor.digest.short}")
        if isinstance(children := body.get("manifests"), list):
            waiting.extend((Descriptor.from_json(child), depth + 1) for child in children)
            continue
        layers = body.get("layers")
        if not isinstance(layers, list):
            raise InvalidImage(f"manifest {descriptor.digest.short} has no list of layers")
        config = Descriptor.from_json(body.get("config"))
        for blob in (config, *map(Descriptor.from_json, layers)):
            _member(archive, blob)
        yield config.digest


def _member(archive: Archive, descriptor: Descriptor) -> Member:
    member = archive.members.blob(blob_file(descriptor.digest))
    if member is None:
        raise NotFound(f"{INDEX_FILE} leads to {descriptor.digest.short}, which was not saved")
    return member

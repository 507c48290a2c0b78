"""The manifest that docker-save does not write, made from what it does."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import InvalidImage, NotFound
from occystrap_core.model.media_types import DOCKER_MANIFEST


def docker_manifest(config: Descriptor, layers: Iterable[Descriptor]) -> Document:
    """A schema 2 manifest over this config and these layers."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    return Document(strict_json.dumps(manifest), DOCKER_MANIFEST)


def document_among(documents: Iterable[Document], descriptor: Descriptor, holder: str) -> bytes:
    """The one that is asked for; `holder` is what has them, for the error."""
    for document in documents:
        if document.digest == descriptor.digest:
            return document.raw
    raise lacks(holder, descriptor)


def lacks(holder: str, descriptor: Descriptor) -> NotFound:
    return NotFound(f"{holder} holds no {descriptor.digest}")


def diff_ids_of(config: Document, count: int, what: str) -> tuple[Digest, ...]:
    """The digests of the `count` uncompressed layers that belong to this config."""
    rootfs = config.json.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(found, list):
        raise InvalidImage(f"{what}: the config has no rootfs.diff_ids, so its layers cannot be told from others")
    if len(found) != count:
        raise InvalidImage(f"{what} lists {count} layers, the config {len(found)} diff_ids")
    return tuple(Digest.parse(diff_id) for diff_id in found)

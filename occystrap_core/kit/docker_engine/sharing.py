"""Layers that need not be sent, because the daemon has them.

Docker's own store looks each layer up, by what lies below it, before it opens the archive's
member: one that it has may be left out. Podman looks it up by the blob's digest, which it tells
of no layer; that of an uncompressed one is its diff_id. No request lists what a daemon has, so
this is learned from its images. Containerd wants every member.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.known import known_image
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import ContentError, NotFound
from occystrap_core.model.layer import Layer

_MAX_IMAGES = 200


def layers_there(client: DockerClient, layers: Sequence[Layer]) -> int:
    """How many layers of an image, counted from the lowest, the daemon does not have to be sent."""
    looked_up = takewhile(_is_uncompressed, layers) if client.is_podman else layers
    diff_ids = [layer.diff_id for layer in looked_up if layer.diff_id]
    if not diff_ids or (not client.is_podman and client.stores_in_containerd):
        return 0
    most = 0
    for held in islice(_images(client), _MAX_IMAGES):
        same = takewhile(lambda pair: pair[0] == pair[1], zip(held, diff_ids, strict=False))
        most = max(most, sum(1 for _ in same))
        if most == len(diff_ids):
            break
    return most


def _is_uncompressed(layer: Layer) -> bool:
    return layer.descriptor.digest == layer.diff_id


def _images(client: DockerClient) -> Iterator[tuple[Digest, ...]]:
    """The diff_ids of every image; one that is removed meanwhile is passed over."""
    for image_id in client.image_ids():
        try:
            yield known_image(image_id, client.inspect(image_id)).diff_ids
        except (NotFound, ContentError):
            continue

"""Layers that need not be sent, because the daemon has them.

Docker's own store looks each layer up, by what lies below it, before it opens the archive's
member: one that it has may be left out. No request lists what it has, so this is
learned from its images. Podman and containerd want every member.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.known import known_image
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import ContentError, NotFound

_MAX_IMAGES = 200


def layers_there(client: DockerClient, diff_ids: Sequence[Digest]) -> int:
    """How many layers of an image, counted from the lowest, the daemon does not have to be sent."""
    if not diff_ids or client.is_podman or client.stores_in_containerd:
        return 0
    most = 0
    for held in islice(_images(client), _MAX_IMAGES):
        same = takewhile(lambda pair: pair[0] == pair[1], zip(held, diff_ids, strict=False))
        most = max(most, sum(1 for _ in same))
        if most == len(diff_ids):
            break
    return most


def _images(client: DockerClient) -> Iterator[tuple[Digest, ...]]:
    """The diff_ids of every image; one that is removed meanwhile is passed over."""
    for image_id in client.image_ids():
        try:
            yield known_image(image_id, client.inspect(image_id)).diff_ids
        except (NotFound, ContentError):
            continue

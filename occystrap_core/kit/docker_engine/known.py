"""What a daemon says about an image that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from occystrap_core.kit.docker_archive.names import UNNAMED, image_name
from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.image_id import Wanted
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import NotFound
from occystrap_core.model.image import ImageName
from occystrap_core.model.platform import Platform


@dataclass(frozen=True, slots=True)
class KnownImage:
    """`spelling` is what it was found by. `id` is the digest of its config, or, where containerd
    stores the images, of its manifest or index. One that `has_name` has a tag or is known by digest.
    `platform` is what the daemon says that it is for."""

    spelling: str
    id: Digest
    tags: tuple[str, ...]
    diff_ids: tuple[Digest, ...]
    has_name: bool
    platform: Platform | None = None

    def name(self, wanted: Wanted) -> ImageName:
        """What it is called: as it was asked for, or, where that was by ID, by its first tag."""
        if wanted.reference and self.spelling == wanted.spellings[0]:
            return wanted.reference.name
        return next(filter(None, map(image_name, self.tags)), UNNAMED)


def find_image(client: DockerClient, spellings: Sequence[str]) -> KnownImage:
    """The image that the first fitting spelling names; NotFound speaks of the first one."""
    missing: NotFound | None = None
    for spelling in spellings:
        try:
            return known_image(spelling, client.inspect(spelling))
        except NotFound as error:
            missing = missing or error
    assert missing is not None
    raise missing


def known_image(spelling: str, inspected: Mapping[str, Any]) -> KnownImage:
    rootfs = inspected.get("RootFS")
    layers = rootfs.get("Layers") if isinstance(rootfs, Mapping) else None
    image_id = str(inspected.get("Id", ""))
    return KnownImage(
        spelling=spelling,
        id=Digest.parse(image_id if ":" in image_id else f"sha256:{image_id}"),
        tags=tuple(map(str, inspected.get("RepoTags") or ())),
        diff_ids=tuple(map(Digest.parse, layers or ())),
        has_name=bool(inspected.get("RepoTags") or inspected.get("RepoDigests")),
        platform=_platform(inspected),
    )


def certain_platform(client: DockerClient, image: KnownImage) -> Platform | None:
    """What the one image that the daemon can send is for. Podman does not tell the variant, and
    containerd's store may have the image for several platforms."""
    if image.platform is None or client.is_podman or client.stores_in_containerd:
        return None
    return image.platform


def _platform(inspected: Mapping[str, Any]) -> Platform | None:
    os, architecture, variant, version = (
        str(inspected.get(key) or "") for key in ("Os", "Architecture", "Variant", "OsVersion")
    )
    return Platform(os, architecture, variant, version) if os and architecture else None

"""Images as trees: an index over manifests, a manifest over its config and layers."""

from __future__ import annotations

from collections.abc import Iterator

from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.document import Document
from occystrap_core.model.layer import Layer
from occystrap_core.model.platform import Platform
from occystrap_core.model.value import value

ATTESTED_DIGEST = "vnd.docker.reference.digest"
TITLE = "org.opencontainers.image.title"
"""The annotation of a descriptor that names the file it is about."""


@value
class ImageName:
    """What an image is called: RepoTags, catalog entries and summaries are made of it.

    `repository` includes the registry's host unless that is Docker Hub's. A tag may be empty.
    """

    repository: str
    tag: str = ""

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}" if self.tag else self.repository


@value
class Image:
    """One manifest with its config and layers. `is_artifact` when the config is no image config."""

    descriptor: Descriptor
    manifest: Document
    config_descriptor: Descriptor
    config: Document
    layers: tuple[Layer, ...]
    platform: Platform | None
    is_artifact: bool = False

    @property
    def attests(self) -> str:
        """The digest of the image that this manifest is an attestation of, or empty."""
        return str(self.descriptor.annotations.get(ATTESTED_DIGEST, ""))


@value
class Index:
    descriptor: Descriptor
    document: Document
    children: tuple[Image | Index, ...]

    def images(self) -> Iterator[Image]:
        """Every image below, depth first, in the order of the documents."""
        for child in self.children:
            if isinstance(child, Image):
                yield child
            else:
                yield from child.images()


def images_of(root: Image | Index) -> tuple[Image, ...]:
    return (root,) if isinstance(root, Image) else tuple(root.images())

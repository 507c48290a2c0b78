"""An image of a docker-save archive, with the manifest that such an archive does not have."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.members import Member
from occystrap_core.kit.docker_archive.outer import foreign_compression
from occystrap_core.kit.docker_archive.saved import MANIFEST_FILE, SavedImage
from occystrap_core.kit.docker_archive.synthesis import diff_ids_of, docker_manifest, document_among, lacks
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.media_types import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    Compression,
    recompressed_layer,
)
from occystrap_core.streams.codec import sniff
from occystrap_core.streams.verified import Measured

_HEAD = 16
_HASHERS = 4
_HASH_IN_NAME = re.compile(r"(?:sha256:|blobs/sha256/)?([0-9a-f]{64})(?:\.json)?")
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")


class SavedContent:
    """The descriptors of its layers are true: an uncompressed layer's digest is its diff_id,
    which the config tells; a compressed one is read once to learn it."""

    unpacked = True

    def __init__(self, archive: Archive, image: SavedImage) -> None:
        self._archive = archive
        self._image = image
        self._config = Document(archive.required(image.config, f"{MANIFEST_FILE} names as config"), DOCKER_CONFIG)
        self._diff_ids = diff_ids_of(self._config, len(image.layers), f"{archive.what}: {MANIFEST_FILE}")
        self._members = tuple(self._layer_member(name) for name in image.layers)

    @property
    def notes(self) -> tuple[str, ...]:
        named = _HASH_IN_NAME.fullmatch(self._image.config)
        if named is None or named[1] == self._config.digest.hex:
            return ()
        return (f"the config {self._image.config!r} has other content than its name says: {self._config.digest}",)

    def root(self) -> Descriptor:
        return self._manifest.descriptor()

    def document(self, descriptor: Descriptor) -> bytes:
        return document_among((self._manifest, self._config), descriptor, self._archive.what)

    def blob(self, descriptor: Descriptor) -> Member:
        for layer, member in zip(self._layers, self._members, strict=True):
            if layer.digest == descriptor.digest:
                return member
        raise lacks(self._archive.what, descriptor)

    @cached_property
    def _layers(self) -> tuple[Descriptor, ...]:
        with ThreadPoolExecutor(_HASHERS) as pool:
            return tuple(pool.map(self._described, self._members, self._diff_ids))

    @cached_property
    def _manifest(self) -> Document:
        return docker_manifest(self._config.descriptor(), self._layers)

    def _layer_member(self, name: str) -> Member:
        member = self._archive.members.layer(name)
        if member is None:
            raise InvalidImage(f"{self._archive.what} has no {name!r}, which {MANIFEST_FILE} names as a layer")
        return member

    def _described(self, member: Member, diff_id: Digest) -> Descriptor:
        head = self._archive.head(member, _HEAD)
        if foreign := foreign_compression(head):
            raise InvalidImage(f"{self._archive.what}: layer {member.name!r} is compressed with {foreign}")
        compression = sniff(head) or Compression.NONE
        digest = diff_id if compression is Compression.NONE else self._digest_of(member)
        return Descriptor(recompressed_layer(DOCKER_LAYER, compression), digest, member.size)

    def _digest_of(self, member: Member) -> Digest:
        """Members under blobs/ are named by their digest, which is checked when they are read."""
        if named := _BLOB.fullmatch(member.name):
            return Digest("sha256", named[1])
        measured = Measured(self._archive.chunks(member))
        for _ in measured:
            pass
        return measured.digest

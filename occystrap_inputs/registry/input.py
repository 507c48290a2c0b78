"""Reading an image from a registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from occystrap_core.contracts import Address, Chunk, InputTraits, Settings
from occystrap_core.kit.distribution.client import RegistryClient
from occystrap_core.kit.distribution.retry import Traffic
from occystrap_core.kit.distribution.target import Target
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import NotFound
from occystrap_core.model.image import ImageName
from occystrap_core.model.media_types import CONFIGS, DOCKER_SCHEMA1, INDEXES, MANIFESTS
from occystrap_core.model.platform import Platform
from occystrap_core.model.strict_json import MAX_BYTES_JUDGED
from occystrap_inputs.registry.plugin import RegistryInputOptions

if TYPE_CHECKING:
    from occystrap_core.contracts.referrers import Referrers


class RegistryInput:
    """The manifest is fetched when the root is asked for, and then not again."""

    def __init__(self, address: Address, options: RegistryInputOptions, settings: Settings) -> None:
        target = Target.of(address)
        self.reference = target.reference
        self.client = RegistryClient(target.reference, target.access(options, settings))
        origin = (self.reference.registry.lower(), self.reference.repository)
        self.traits = InputTraits(origin=origin, platform=_platform(options, settings.platform), remote=True)
        self._as_found = settings.as_found
        self._root: tuple[bytes, Descriptor] | None = None
        self._blobs: dict[Digest, tuple[bool, int | None]] = {}

    @property
    def traffic(self) -> Traffic:
        return self.client.traffic

    def name(self) -> ImageName:
        return self.reference.name

    def root(self) -> Descriptor:
        return self._fetched_root()[1]

    def document(self, descriptor: Descriptor) -> bytes:
        raw, root = self._fetched_root()
        if descriptor.digest == root.digest:
            return raw
        if self._as_found:
            return self._document_as_found(descriptor)
        if descriptor.media_type in INDEXES | MANIFESTS:
            return self.client.manifest(str(descriptor.digest))[0].raw
        return self.client.blob_bytes(descriptor.digest)

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        try:
            yield from self.client.blob(descriptor.digest, descriptor.size)
        except NotFound as error:
            if descriptor.extra.get("urls"):
                error.hint = "it is a foreign layer, which lies at URLs of its own: those are not followed"
            raise

    def has_blob(self, descriptor: Descriptor) -> bool:
        return self._told(descriptor.digest)[0]

    def blob_size(self, descriptor: Descriptor) -> int | None:
        return self._told(descriptor.digest)[1]

    def referrers(self, digest: Digest) -> Referrers:
        return self.client.referrers(digest)

    def interrupt(self) -> None:
        self.client.interrupt()

    def close(self) -> None:
        self.client.close()

    def _told(self, digest: Digest) -> tuple[bool, int | None]:
        """One question is enough to know whether a blob is there and how long it is."""
        if digest not in self._blobs:
            self._blobs[digest] = self.client.told_of_blob(digest)
        return self._blobs[digest]

    def _fetched_root(self) -> tuple[bytes, Descriptor]:
        if self._root is None:
            wanted = self.reference.wanted
            self._root = self.client.manifest_as_found(wanted) if self._as_found else self._fetched(wanted)
        return self._root

    def _fetched(self, wanted: str) -> tuple[bytes, Descriptor]:
        document, digest = self.client.manifest(wanted)
        return document.raw, Descriptor(document.media_type, digest, len(document.raw))

    def _document_as_found(self, descriptor: Descriptor) -> bytes:
        """A type that nobody knows may be that of a manifest as well as that of a config."""
        wanted = descriptor.digest
        if descriptor.media_type in INDEXES | MANIFESTS | DOCKER_SCHEMA1:
            return self.client.manifest_as_found(str(wanted))[0]
        try:
            return self.client.blob_bytes(wanted, MAX_BYTES_JUDGED)
        except NotFound:
            if descriptor.media_type in CONFIGS:
                raise
            return self.client.manifest_as_found(str(wanted))[0]


def _platform(options: RegistryInputOptions, usual: Platform) -> Platform | None:
    """The global choice with what this URI says in its place; None where it says nothing."""
    if not (options.os or options.arch or options.variant):
        return None
    variant = options.variant or ("" if options.arch else usual.variant)
    parts = [options.os or usual.os, options.arch or usual.architecture, variant]
    return Platform.parse("/".join(part for part in parts if part))

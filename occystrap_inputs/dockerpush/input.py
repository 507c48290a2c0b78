"""Reading an image that a daemon pushes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from occystrap_core.contracts import Address, Chunk, InputTraits, Settings
from occystrap_core.contracts.arrival import Take
from occystrap_core.kit.distribution.server import PushedImages, StoredBlob
from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.endpoint import find_endpoint
from occystrap_core.kit.docker_engine.image_id import Wanted
from occystrap_core.kit.docker_engine.known import KnownImage, certain_platform, find_image
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import LimitExceeded, NotFound
from occystrap_core.model.image import ImageName
from occystrap_core.model.platform import Platform
from occystrap_core.model.strict_json import MAX_BYTES
from occystrap_inputs.dockerpush.abandoned import REPOSITORY
from occystrap_inputs.dockerpush.handing_on import HandingOn
from occystrap_inputs.dockerpush.plugin import DockerPushInputOptions
from occystrap_inputs.dockerpush.pushing import receive_push


class DockerPushInput:
    """The daemon pushes once: when its blobs may be handed on, else when the root is asked for. What it
    pushed is kept in temporary files, since a push ends with the manifest.
    """

    traits = InputTraits()

    def __init__(self, address: Address, options: DockerPushInputOptions, settings: Settings) -> None:
        self._wanted = Wanted.of(address)
        self._settings = settings
        self._handing_on: HandingOn | None = None
        self._store = PushedImages(self._came)
        self.client = DockerClient(find_endpoint(options.socket))

    def notes(self) -> tuple[str, ...]:
        note = self.client.endpoint.note
        return (note,) if note else ()

    def name(self) -> ImageName:
        return self._known.name(self._wanted)

    def platform(self) -> Platform | None:
        return certain_platform(self.client, self._known)

    def deliver(self, take: Take) -> None:
        with HandingOn(take, self._settings.parallel, self.interrupt) as self._handing_on:
            _ = self._root

    def root(self) -> Descriptor:
        return self._root.descriptor()

    def document(self, descriptor: Descriptor) -> bytes:
        manifest = self._store.manifest(REPOSITORY, str(descriptor.digest))
        if manifest is not None:
            return manifest.raw
        blob = self._blob(descriptor)
        if blob.size > MAX_BYTES:
            raise LimitExceeded(f"{descriptor.digest.short} is longer than {MAX_BYTES} bytes, too long for a document")
        return b"".join(blob.chunks())

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        yield from self._blob(descriptor).chunks()

    def interrupt(self) -> None:
        """The push ends; the name that it needed can still be taken away."""
        self.client.break_off()

    def close(self) -> None:
        self._store.close()
        self.client.close()

    @cached_property
    def _known(self) -> KnownImage:
        return find_image(self.client, self._wanted.spellings)

    @cached_property
    def _root(self) -> Document:
        return receive_push(self.client, self._known, self._store, self._settings.temp_dir)

    def _came(self, digest: Digest, blob: StoredBlob) -> None:
        if self._handing_on:
            self._handing_on.offer(digest, blob)

    def _blob(self, descriptor: Descriptor) -> StoredBlob:
        blob = self._store.blob(REPOSITORY, descriptor.digest)
        if blob is None:
            raise NotFound(f"{self.client.endpoint.name} did not push {descriptor.digest}")
        return blob

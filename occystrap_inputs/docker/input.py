"""Reading an image from a daemon."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from occystrap_core.contracts import Address, Chunk, InputTraits, Settings
from occystrap_core.contracts.arrival import Take
from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.catalogue import read_catalogue
from occystrap_core.kit.docker_archive.content import ArchivedImage
from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.endpoint import find_endpoint
from occystrap_core.kit.docker_engine.exported import exported_archive, take_nothing
from occystrap_core.kit.docker_engine.image_id import Wanted
from occystrap_core.kit.docker_engine.known import KnownImage, certain_platform, find_image
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import TransferError
from occystrap_core.model.image import ImageName
from occystrap_core.model.platform import Platform
from occystrap_inputs.docker.plugin import DockerInputOptions

_CANNOT = "empty export"


class DockerInput:
    """The image is exported once: when its blobs may be handed on, else when its root is asked for."""

    traits = InputTraits(unpacked=True)

    def __init__(self, address: Address, options: DockerInputOptions, settings: Settings) -> None:
        self._wanted = Wanted.of(address)
        self._settings = settings
        self._notes: tuple[str, ...] = ()
        self._archive: Archive | None = None
        self.client = DockerClient(find_endpoint(options.socket))

    def notes(self) -> tuple[str, ...]:
        note = self.client.endpoint.note
        return ((note,) if note else ()) + self._notes

    def name(self) -> ImageName:
        return self._known.name(self._wanted)

    def platform(self) -> Platform | None:
        return certain_platform(self.client, self._known)

    def deliver(self, take: Take) -> None:
        self._archive = self._exported(take)

    def root(self) -> Descriptor:
        return self._image.root()

    def document(self, descriptor: Descriptor) -> bytes:
        return self._image.document(descriptor)

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        member = self._image.blob(descriptor)
        assert self._archive is not None
        yield from self._archive.chunks(member)

    def interrupt(self) -> None:
        self.client.interrupt()

    def close(self) -> None:
        if self._archive:
            self._archive.close()
        self.client.close()

    @cached_property
    def _known(self) -> KnownImage:
        return find_image(self.client, self._wanted.spellings)

    @cached_property
    def _image(self) -> ArchivedImage:
        self._archive = self._archive or self._exported()
        catalogue = read_catalogue(self._archive)
        image = catalogue.images[0].open()
        self._notes = catalogue.notes + image.notes
        return image

    def _exported(self, take: Take = take_nothing) -> Archive:
        return exported_archive(self._export, self.client.endpoint.name, self._settings.temp_dir, take)

    def _export(self) -> Iterator[Chunk]:
        try:
            yield from self.client.export(self._known.spelling)
        except TransferError as error:
            if not self._known.diff_ids and _CANNOT in error.message:
                error.hint = "this docker exports no image without layers: use dockerpush://"
            raise

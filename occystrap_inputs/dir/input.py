"""Reads an image from a directory with the files of a docker-save archive."""

from __future__ import annotations

from collections.abc import Iterator

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.input import Chunk, InputTraits
from occystrap_core.contracts.settings import Settings
from occystrap_core.kit.docker_directory.as_found import FolderAsFound
from occystrap_core.kit.docker_directory.content import DirectoryContent
from occystrap_core.kit.docker_directory.images import chosen_image, listed_images
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.image import ImageName
from occystrap_inputs.dir.plugin import DirectoryInputOptions


class DirectoryInput:
    def __init__(self, address: Address, options: DirectoryInputOptions, settings: Settings) -> None:
        folder = Folder(address.path())
        image = chosen_image(listed_images(folder), options.ref, str(folder))
        self._name = image.name
        form = FolderAsFound if settings.as_found else DirectoryContent
        self._content = form(folder, image.saved)
        self.traits = InputTraits(unpacked=True, by_diff_id=settings.as_found)

    def name(self) -> ImageName:
        return self._name

    def root(self) -> Descriptor:
        return self._content.root()

    def document(self, descriptor: Descriptor) -> bytes:
        return self._content.document(descriptor)

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        return self._content.blob(descriptor)

    def has_blob(self, descriptor: Descriptor) -> bool:
        return self._content.has_blob(descriptor)

    def close(self) -> None:
        """Nothing stays open between two calls."""

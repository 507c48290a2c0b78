"""Reading an image from an archive."""

from __future__ import annotations

from collections.abc import Iterator

from occystrap_core.contracts import Address, Chunk, InputTraits, Settings
from occystrap_core.contracts.input import Listed
from occystrap_core.contracts.referrers import Referrers
from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.archive_file import STANDARD_INPUT
from occystrap_core.kit.docker_archive.catalogue import read_catalogue
from occystrap_core.kit.docker_archive.choice import Chosen, choose
from occystrap_core.kit.docker_archive.content import ArchivedImage
from occystrap_core.kit.docker_archive.layout_content import LayoutContent
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, NotFound
from occystrap_core.model.image import ImageName
from occystrap_inputs.tar.plugin import TarInputOptions


def open_input(address: Address, options: TarInputOptions, context: Settings) -> TarInput:
    path = STANDARD_INPUT if address.is_standard_input else address.path()
    archive = Archive.open(path, context.temp_dir)
    try:
        return TarInput(archive, options.ref, as_found=context.as_found)
    except BaseException:
        archive.close()
        raise


class TarInput:
    """One image of an archive. What `notes` says is for the person who runs the tool."""

    def __init__(self, archive: Archive, ref: str = "", *, as_found: bool = False) -> None:
        catalogue = read_catalogue(archive, as_found=as_found)
        self._archive = archive
        self._chosen: Chosen = choose(catalogue.images, ref, archive.what)
        self._image: ArchivedImage = self._chosen.image.open()
        self._notes = catalogue.notes + self._chosen.notes + self._image.notes
        by_diff_id = getattr(self._image, "by_diff_id", False)
        self.traits = InputTraits(unpacked=self._image.unpacked, file=archive.file.path, by_diff_id=by_diff_id)

    def notes(self) -> tuple[str, ...]:
        return self._notes

    def name(self) -> ImageName:
        return self._chosen.name

    def root(self) -> Descriptor:
        return self._image.root()

    def document(self, descriptor: Descriptor) -> bytes:
        return self._image.document(descriptor)

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        yield from self._archive.chunks(self._image.blob(descriptor))

    def has_blob(self, descriptor: Descriptor) -> bool:
        try:
            self._image.blob(descriptor)
        except (NotFound, InvalidImage):  # the latter is no file
            return False
        return True

    def blob_size(self, descriptor: Descriptor) -> int:
        return self._image.blob(descriptor).size

    def listed_in(self) -> Listed | None:
        """Only archives of image layouts have a list that says more than which files there are."""
        return self._image.listed_in() if isinstance(self._image, LayoutContent) else None

    def referrers(self, digest: Digest) -> Referrers:
        """Only archives of image layouts can have some."""
        return self._image.referrers(digest) if isinstance(self._image, LayoutContent) else Referrers(())

    def close(self) -> None:
        self._archive.close()

"""An image of a directory, for those who judge it."""

from __future__ import annotations

from collections.abc import Iterator

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.as_found import ContentAsFound
from occystrap_core.kit.docker_archive.members import tidy
from occystrap_core.kit.docker_archive.saved import SavedImage
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import ContentError, NotFound
from occystrap_core.model.strict_json import MAX_BYTES_JUDGED


class FolderAsFound:
    def __init__(self, folder: Folder, image: SavedImage) -> None:
        self._files = _Files(folder)
        self._content = ContentAsFound(self._files, image)

    def root(self) -> Descriptor:
        return self._content.root()

    def document(self, descriptor: Descriptor) -> bytes:
        return self._content.document(descriptor)

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        return self._files.chunks(self._content.file_of(descriptor))

    def has_blob(self, descriptor: Descriptor) -> bool:
        try:
            self._content.file_of(descriptor)
        except (NotFound, ContentError):
            return False
        return True


class _Files:
    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.what = str(folder)

    def config(self, name: str) -> bytes:
        return self._folder.read(tidy(name), MAX_BYTES_JUDGED)

    def size(self, name: str) -> int:
        return self._folder.size(tidy(name))

    def head(self, name: str, count: int) -> bytes:
        with self._folder.open(tidy(name)) as file:
            return file.read(count)

    def chunks(self, name: str) -> Iterator[Chunk]:
        return self._folder.chunks(tidy(name))

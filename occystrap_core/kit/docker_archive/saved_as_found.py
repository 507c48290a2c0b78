"""An image of a docker-save archive, for those who judge it."""

from __future__ import annotations

from collections.abc import Iterator

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.as_found import ContentAsFound
from occystrap_core.kit.docker_archive.members import Member
from occystrap_core.kit.docker_archive.saved import SavedImage
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import NotFound
from occystrap_core.model.strict_json import MAX_BYTES_JUDGED


class SavedAsFound:
    unpacked = True
    by_diff_id = True
    notes: tuple[str, ...] = ()

    def __init__(self, archive: Archive, image: SavedImage) -> None:
        self._members = _Members(archive)
        self._content = ContentAsFound(self._members, image)

    def root(self) -> Descriptor:
        return self._content.root()

    def document(self, descriptor: Descriptor) -> bytes:
        return self._content.document(descriptor)

    def blob(self, descriptor: Descriptor) -> Member:
        return self._members.layer(self._content.file_of(descriptor))


class _Members:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.what = archive.what

    def layer(self, name: str) -> Member:
        member = self._archive.members.layer(name)
        if member is None:
            raise NotFound(f"{self.what} has no {name!r}")
        return member

    def config(self, name: str) -> bytes:
        member = self._archive.members.file(name)
        if member is None:
            raise NotFound(f"{self.what} has no {name!r}")
        return self._archive.content(member, MAX_BYTES_JUDGED)

    def size(self, name: str) -> int:
        return self.layer(name).size

    def head(self, name: str, count: int) -> bytes:
        return self._archive.head(self.layer(name), count)

    def chunks(self, name: str) -> Iterator[Chunk]:
        return self._archive.chunks(self.layer(name))

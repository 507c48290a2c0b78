"""An image of an OCI archive: a tar of an image layout."""

from __future__ import annotations

from occystrap_core.contracts.input import Listed
from occystrap_core.contracts.referrers import Referrers
from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.members import Member
from occystrap_core.kit.oci_layout.index import LayoutIndex
from occystrap_core.kit.oci_layout.names import blob_file
from occystrap_core.kit.oci_layout.referrers import referrers_among
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import NotFound


class LayoutContent:
    notes: tuple[str, ...] = ()

    def __init__(self, archive: Archive, index: LayoutIndex, root: Descriptor, *, unpacked: bool) -> None:
        self._archive = archive
        self._index = index
        self._root = root
        self.unpacked = unpacked

    def root(self) -> Descriptor:
        return self._root

    def document(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest == self._index.document.digest:
            return self._index.document.raw
        return self._archive.content(self.blob(descriptor))

    def listed_in(self) -> Listed | None:
        return self._index.listed(self._root)

    def referrers(self, digest: Digest) -> Referrers:
        return referrers_among(self._index.entries, self.document, digest)

    def blob(self, descriptor: Descriptor) -> Member:
        member = self._archive.members.blob(blob_file(descriptor.digest))
        if member is None:
            raise NotFound(f"{self._archive.what} lacks blob {descriptor.digest}")
        return member

"""Reading an OCI image layout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.oci_layout.index import LayoutIndex
from occystrap_core.kit.oci_layout.names import INDEX_FILE, MARKER_FILE, blob_file
from occystrap_core.kit.oci_layout.target import LayoutTarget
from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, NotFound
from occystrap_core.model.value import value

if TYPE_CHECKING:
    from occystrap_core.contracts.referrers import Referrers

_VERSION = re.compile(r"1\.\d+\.\d+")


@value
class Layout:
    """A layout whose marker and index.json were found good. Its blobs are looked at when asked for."""

    folder: Folder
    index: LayoutIndex

    @classmethod
    def open(cls, path: Path) -> Layout:
        folder = Folder(path)
        check_marker(folder)
        try:
            raw = folder.read(INDEX_FILE)
        except NotFound:
            raise InvalidImage(f"image layout {path} has no index.json") from None
        return cls(folder, LayoutIndex.parse(raw, f"image layout {path}"))

    def image(self, target: LayoutTarget) -> Descriptor:
        if target.digest is not None:
            return self.index.by_digest(target.digest) or self._unlisted(target.digest)
        return self.index.named(target.name) if target.name else self.index.only_image()

    def document(self, descriptor: Descriptor, limit: int = strict_json.MAX_BYTES) -> bytes:
        if descriptor.digest == self.index.document.digest:
            return self.index.document.raw
        try:
            return self.folder.read(blob_file(descriptor.digest), limit)
        except NotFound:
            raise self._missing(descriptor.digest) from None

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        try:
            yield from self.folder.chunks(blob_file(descriptor.digest))
        except NotFound:
            raise self._missing(descriptor.digest) from None

    def has_blob(self, descriptor: Descriptor) -> bool:
        try:
            self.folder.size(blob_file(descriptor.digest))
        except (NotFound, InvalidImage):  # the latter is no file
            return False
        return True

    def blob_size(self, descriptor: Descriptor) -> int:
        return self.folder.size(blob_file(descriptor.digest))

    def referrers(self, digest: Digest) -> Referrers:
        from occystrap_core.kit.oci_layout.referrers import referrers_among

        return referrers_among(self.index.entries, self.document, digest)

    def _unlisted(self, digest: Digest) -> Descriptor:
        """A manifest below one of the listed indexes, or one that lost its name; its body tells the type."""
        try:
            return Descriptor("", digest, self.folder.size(blob_file(digest)))
        except NotFound:
            raise self._missing(digest) from None

    def _missing(self, digest: Digest) -> NotFound:
        return NotFound(f"{self.index.what} lacks blob {digest}")


def check_marker(folder: Folder) -> None:
    """Whether this is a layout, and of a version that is understood."""
    try:
        marker = strict_json.loads_object(folder.read(MARKER_FILE), f"{folder}/{MARKER_FILE}")
    except NotFound:
        raise _not_a_layout(folder.path) from None
    version = marker.get("imageLayoutVersion")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise InvalidImage(f"{folder} is an image layout of version {version!r}; only 1.0.0 is known")


def _not_a_layout(path: Path) -> InvalidImage | NotFound:
    if not path.exists():
        return NotFound(f"{path} does not exist")
    if not path.is_dir():
        return NotFound(f"{path} is not a directory", hint="tar:// reads archives of image layouts")
    hint = "dir:// reads it" if any(path.glob("manifest*.json")) else ""
    return InvalidImage(f"{path} is not an image layout: it has no {MARKER_FILE} file", hint=hint)

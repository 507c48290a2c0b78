"""Reads an image from an OCI image layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.input import Chunk, InputTraits, Listed
from occystrap_core.contracts.settings import Settings
from occystrap_core.kit.oci_layout.image_name import image_name
from occystrap_core.kit.oci_layout.layout import Layout
from occystrap_core.kit.oci_layout.target import LayoutTarget
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import ImageName
from occystrap_core.model.strict_json import MAX_BYTES, MAX_BYTES_JUDGED
from occystrap_inputs.ocidir.plugin import LayoutInputOptions

if TYPE_CHECKING:
    from occystrap_core.contracts.referrers import Referrers


class LayoutInput:
    traits = InputTraits()

    def __init__(self, address: Address, options: LayoutInputOptions, settings: Settings) -> None:
        target = LayoutTarget.of(address, options.ref)
        self._layout = Layout.open(target.path)
        self._root = self._layout.image(target)
        self._name = image_name(self._root, target.path)
        self._limit = MAX_BYTES_JUDGED if settings.as_found else MAX_BYTES

    def name(self) -> ImageName:
        return self._name

    def root(self) -> Descriptor:
        return self._root

    def document(self, descriptor: Descriptor) -> bytes:
        return self._layout.document(descriptor, self._limit)

    def listed_in(self) -> Listed | None:
        return self._layout.index.listed(self._root)

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        return self._layout.blob(descriptor)

    def has_blob(self, descriptor: Descriptor) -> bool:
        return self._layout.has_blob(descriptor)

    def blob_size(self, descriptor: Descriptor) -> int:
        return self._layout.blob_size(descriptor)

    def referrers(self, digest: Digest) -> Referrers:
        return self._layout.referrers(digest)

    def close(self) -> None:
        """Nothing stays open between two calls."""

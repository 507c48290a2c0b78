"""Writes an image into an OCI image layout, beside those that are there."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import OutputContext, OutputTraits, Receipt, Slot, Staged
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.kit.folder.checked import CheckedFiles
from occystrap_core.kit.folder.lock import exclusively
from occystrap_core.kit.folder.staging import StagedFile, Staging
from occystrap_core.kit.oci_layout.image_name import image_name
from occystrap_core.kit.oci_layout.index import LayoutIndex, with_image
from occystrap_core.kit.oci_layout.layout import check_marker
from occystrap_core.kit.oci_layout.names import INDEX_FILE, MARKER, MARKER_FILE, REF_NAME, blob_file
from occystrap_core.kit.oci_layout.target import LayoutTarget, check_name
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import NotFound, UsageError
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression, Family
from occystrap_outputs.ocidir.plugin import LayoutFormat, LayoutOutputOptions

DEFAULT_NAME = "latest"


class LayoutOutput:
    """Blobs are named by their digests, so several writers at once cannot harm each other:
    only index.json is changed in turn."""

    def __init__(self, address: Address, options: LayoutOutputOptions, context: OutputContext) -> None:
        self._target = LayoutTarget.of(address, options.ref)
        self._name = _name_to_write(self._target)
        self._folder = Folder(self._target.path)
        _require_room_for_a_layout(self._folder)
        self._present = CheckedFiles(self._folder)
        self._staging = Staging(self._target.path)
        self._lock = threading.Lock()
        self._kept: dict[Digest, StagedFile] = {}
        self.traits = OutputTraits(
            compressions=(Compression.GZIP, Compression.ZSTD, Compression.NONE),
            convert=options.compression or context.settings.compression,
            family=None if options.format is LayoutFormat.SOURCE else Family.OCI,
            any_order=True,
        )

    def cannot_modify_reason(self) -> str:
        return ""

    def holds(self, digest: Digest) -> int | None:
        with self._lock:
            if digest in self._kept:
                return self._kept[digest].size
        return self._present.size(blob_file(digest), digest)

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> StagedFile:
        return self._staging.take(chunks)

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        assert isinstance(staged, StagedFile)
        with self._lock:
            known = self._kept.setdefault(blob.digest, staged)
        if known is not staged:
            self._staging.drop(staged)

    def discard(self, staged: Staged) -> None:
        assert isinstance(staged, StagedFile)
        with self._lock:
            self._kept = {digest: kept for digest, kept in self._kept.items() if kept is not staged}
        self._staging.drop(staged)

    def put_document(self, document: Document) -> None:
        self.keep(self._staging.take((document.raw,)), document.descriptor(), None)

    def commit(self, root: Descriptor) -> Receipt:
        for digest, staged in self._kept.items():
            self._staging.place(staged, blob_file(digest))
        self._staging.sync()
        with exclusively(self._target.path):
            self._list(root)
        self._staging.close()
        entry = replace(root, extra={"annotations": {REF_NAME: self._name}})
        return Receipt(
            scheme="ocidir",
            uri=self._target.uri(self._name),
            name=image_name(entry, self._target.path),
            root=root,
            details={"path": str(self._target.path), "name": self._name},
        )

    def abort(self) -> None:
        self._staging.abandon()

    def _list(self, root: Descriptor) -> None:
        if _content(self._folder, MARKER_FILE) is None:
            self._write(MARKER_FILE, MARKER)
        self._write(INDEX_FILE, with_image(_content(self._folder, INDEX_FILE), root, self._name))
        self._staging.sync()

    def _write(self, name: str, content: bytes) -> None:
        self._staging.place(self._staging.take((content,)), name)


def _name_to_write(target: LayoutTarget) -> str:
    if target.digest is not None:
        raise UsageError("an image cannot be written under a digest of choice", hint="write ocidir://PATH:TAG")
    name = target.name or DEFAULT_NAME
    check_name(name)
    return name


def _require_room_for_a_layout(folder: Folder) -> None:
    """Find out before the transfer what would make the commit fail."""
    if not folder.path.exists():
        return
    if not folder.path.is_dir():
        raise UsageError(f"{folder} is not a directory", hint="tar://…?format=oci writes an image layout into a file")
    if _content(folder, MARKER_FILE) is not None:
        check_marker(folder)
    if (index := _content(folder, INDEX_FILE)) is not None:
        LayoutIndex.parse(index, f"image layout {folder}")


def _content(folder: Folder, name: str) -> bytes | None:
    try:
        return folder.read(name)
    except NotFound:
        return None

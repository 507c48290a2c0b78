"""An input and an output that live in memory and hold everybody to the contracts.

    store = MemoryStore()
    engine(MemoryInput(image), MemoryOutput(store))
    assert store.images["sample:latest"] == image.root

They are as strict as the contracts allow: chunks are views of a buffer that is overwritten,
and a caller that breaks a rule meets a ContractViolation.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from occystrap_core.contracts.input import Chunk, InputTraits
from occystrap_core.contracts.output import OutputTraits, Receipt, Slot, Staged
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import NotFound, OccystrapError, TransferError
from occystrap_core.model.image import ImageName
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.testing.build import Content
from occystrap_core.testing.contract import require

SAMPLE_NAME = ImageName("sample", "latest")
BOTH_GZIP_FIRST = (Compression.GZIP, Compression.ZSTD, Compression.NONE)


class MemoryInput:
    """Serves `content`.

    `instead` gives other bytes under a digest: damaged content. `fail_after` makes the stream
    of a blob end in `error` after that many bytes. `reads` lists the blobs asked for, in order.
    """

    def __init__(
        self,
        content: Content,
        *,
        name: ImageName = SAMPLE_NAME,
        unpacked: bool = False,
        reopenable: bool = True,
        concurrent: bool = True,
        file: Path | None = None,
        origin: tuple[str, str] | None = None,
        chunk_size: int = 64 * 1024,
        instead: Mapping[Digest, bytes] | None = None,
        fail_after: Mapping[Digest, int] | None = None,
        error: OccystrapError | None = None,
    ) -> None:
        self.traits = InputTraits(reopenable, concurrent, unpacked, file, origin)
        self.reads: list[Digest] = []
        self.closed = False
        self._root = content.root
        self._name = name
        self._documents = {**content.documents, **(instead or {})}
        self._blobs = {**content.blobs, **(instead or {})}
        self._chunk_size = chunk_size
        self._fail_after = dict(fail_after or {})
        self._error = error or TransferError("the connection was lost")
        self._lock = threading.Lock()
        self._open_streams = 0

    def name(self) -> ImageName:
        return self._name

    def root(self) -> Descriptor:
        return self._root

    def document(self, descriptor: Descriptor) -> bytes:
        require(not self.closed, "an input is not used after close()")
        if descriptor.digest not in self._documents:
            raise NotFound(f"there is no document {descriptor.digest}")
        return self._documents[descriptor.digest]

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        self._begin(descriptor.digest)
        return self._stream(descriptor.digest)

    def close(self) -> None:
        self.closed = True

    def _begin(self, digest: Digest) -> None:
        with self._lock:
            require(not self.closed, "an input is not used after close()")
            require(self.traits.reopenable or digest not in self.reads, "a blob is read twice only where reopenable")
            self.reads.append(digest)

    def _stream(self, digest: Digest) -> Iterator[Chunk]:
        if digest not in self._blobs:
            raise NotFound(f"there is no blob {digest}")
        self._enter()
        buffer = bytearray(self._chunk_size)
        try:
            yield from self._chunks(digest, buffer)
        finally:
            buffer[:] = b"\xff" * len(buffer)
            self._leave()

    def _chunks(self, digest: Digest, buffer: bytearray) -> Iterator[Chunk]:
        data, view = self._blobs[digest], memoryview(buffer)
        end = self._fail_after.get(digest, len(data))
        for start in range(0, min(end, len(data)), self._chunk_size):
            size = min(self._chunk_size, end - start, len(data) - start)
            view[:size] = data[start : start + size]
            yield view[:size]
        if digest in self._fail_after:
            raise self._error

    def _enter(self) -> None:
        with self._lock:
            require(self.traits.concurrent or not self._open_streams, "one stream at a time where not concurrent")
            self._open_streams += 1

    def _leave(self) -> None:
        with self._lock:
            self._open_streams -= 1


@dataclass(frozen=True, slots=True)
class StoredImage:
    """Content as a store holds it."""

    root: Descriptor
    documents: Mapping[Digest, bytes]
    blobs: Mapping[Digest, bytes]


@dataclass(slots=True)
class MemoryStore:
    """What readers of a destination see: nothing appears here before a commit."""

    blobs: dict[Digest, bytes] = field(default_factory=dict)
    documents: dict[Digest, bytes] = field(default_factory=dict)
    images: dict[str, Descriptor] = field(default_factory=dict)

    def add(self, content: Content, name: ImageName = SAMPLE_NAME) -> MemoryStore:
        self.blobs.update(content.blobs)
        self.documents.update(content.documents)
        self.images[str(name)] = content.root
        return self

    def image(self, name: ImageName = SAMPLE_NAME) -> StoredImage:
        if str(name) not in self.images:
            raise NotFound(f"there is no image {name}")
        return StoredImage(self.images[str(name)], dict(self.documents), dict(self.blobs))

    def open(self, receipt: Receipt) -> MemoryInput:
        """The image that commit() gave this receipt for, as a source."""
        return MemoryInput(self.image(receipt.name), name=receipt.name)

    def snapshot(self) -> tuple[Any, ...]:
        return dict(self.blobs), dict(self.documents), dict(self.images)


@dataclass(frozen=True, eq=False, slots=True)
class MemoryStaged:
    data: bytes
    slot: Slot


class MemoryOutput:
    """Writes into `store`.

    `fail_at` names the method ("put_blob", "keep", "put_document" or "commit") that raises a
    TransferError, after `fail_after` calls that went well. `layers` are the sealed layers that
    were kept, by slot order; `aborted` and `receipt` say how it ended.
    """

    def __init__(
        self,
        store: MemoryStore | None = None,
        *,
        name: ImageName = SAMPLE_NAME,
        compressions: tuple[Compression, ...] = BOTH_GZIP_FIRST,
        convert: Compression | None = None,
        family: Family | None = None,
        holds_indexes: bool = True,
        holds_artifacts: bool = True,
        file: Path | None = None,
        cannot_modify: str = "",
        fail_at: str = "",
        fail_after: int = 0,
    ) -> None:
        self.traits = OutputTraits(compressions, convert, family, holds_indexes, holds_artifacts, file, any_order=True)
        self.store = MemoryStore() if store is None else store
        self.layers: dict[int, SealedLayer] = {}
        self.aborted = False
        self.receipt: Receipt | None = None
        self._name = name
        self._cannot_modify = cannot_modify
        self._fail_at, self._calls_left = fail_at, fail_after
        self._lock = threading.Lock()
        self._orders: set[int] = set()
        self._held_some = False
        self._staged: set[MemoryStaged] = set()
        self._kept: dict[Staged, Digest] = {}
        self._blobs: dict[Digest, bytes] = {}
        self._documents: dict[Digest, Document] = {}

    def cannot_modify_reason(self) -> str:
        return self._cannot_modify

    def holds(self, digest: Digest) -> int | None:
        with self._lock:
            blob = self.store.blobs.get(digest, self._blobs.get(digest))
            self._held_some |= blob is not None
            return None if blob is None else len(blob)

    def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> Staged:
        with self._lock:
            self._require_open()
            require(slot.order >= -1 and slot.order not in self._orders - {-1}, f"slot {slot.order} is put once")
            self._orders.add(slot.order)
        staged = MemoryStaged(b"".join(bytes(chunk) for chunk in chunks), slot)
        with self._lock:
            self._maybe_fail("put_blob")
            self._require_open()
            self._staged.add(staged)
        return staged

    def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
        with self._lock:
            data = self._unstage(staged).data
            self._maybe_fail("keep")
            require(
                blob.digest.matches(data) and blob.size == len(data), f"{blob.digest} names other bytes than staged"
            )
            self._require_layer_fits(blob, layer)
            self._blobs[blob.digest] = data
            self._kept[staged] = blob.digest
            if layer is not None:
                assert isinstance(staged, MemoryStaged)
                self.layers[staged.slot.order] = layer

    def discard(self, staged: Staged) -> None:
        with self._lock:
            kept_as = self._kept.pop(staged, None)
            if kept_as is None:
                self._unstage(staged)
            elif kept_as not in self._kept.values():
                del self._blobs[kept_as]

    def put_document(self, document: Document) -> None:
        with self._lock:
            self._require_open()
            self._maybe_fail("put_document")
            for below in _named_by(document):
                require(self._has(below.digest), f"{below.digest} comes before the {document.media_type} that names it")
            self._documents[document.digest] = document

    def commit(self, root: Descriptor) -> Receipt:
        with self._lock:
            self._require_open()
            self._maybe_fail("commit")
            require(not self._staged, "every staged blob is kept or discarded before commit")
            gaps_allowed = self._held_some or -1 in self._orders
            require(gaps_allowed or self._orders == set(range(len(self._orders))), "slots leave no gap")
            require(root.digest in self._documents, "the root was put before commit")
            self._publish(root)
            self.receipt = Receipt("memory", f"memory://{self._name}", self._name, root)
            return self.receipt

    def abort(self) -> None:
        with self._lock:
            require(self.receipt is None, "abort() comes only before commit()")
            self.aborted = True
            self._staged.clear()
            self._blobs.clear()
            self._documents.clear()

    def _publish(self, root: Descriptor) -> None:
        self.store.blobs.update(self._blobs)
        self.store.documents.update({digest: document.raw for digest, document in self._documents.items()})
        self.store.images[str(self._name)] = root

    def _require_open(self) -> None:
        require(self.receipt is None and not self.aborted, "an output is not used after commit() or abort()")

    def _unstage(self, staged: Staged) -> MemoryStaged:
        self._require_open()
        require(isinstance(staged, MemoryStaged) and staged in self._staged, "a staged blob is kept or discarded once")
        assert isinstance(staged, MemoryStaged)
        self._staged.remove(staged)
        return staged

    def _require_layer_fits(self, blob: Descriptor, layer: SealedLayer | None) -> None:
        if layer is None:
            return
        require(layer.blob.digest == blob.digest, "a sealed layer is kept under its own blob's name")
        require(layer.diff_id is not None, "a tar layer is sealed with its diff_id")

    def _has(self, digest: Digest) -> bool:
        return digest in self._blobs or digest in self._documents or digest in self.store.blobs

    def _maybe_fail(self, method: str) -> None:
        if method != self._fail_at:
            return
        if not self._calls_left:
            raise TransferError("no space left on the device")
        self._calls_left -= 1


def _named_by(document: Document) -> Iterator[Descriptor]:
    for obj in [document.json.get("config"), *document.json.get("layers", ()), *document.json.get("manifests", ())]:
        if isinstance(obj, Mapping) and "digest" in obj:
            yield Descriptor.from_json(obj)

"""What the suites share: walking a tree of documents, reading streams, working on several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from occystrap_core.contracts.input import Chunk, Input
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.media_types import INDEXES, MANIFESTS
from occystrap_core.testing.contract import ContractViolation, require

DEADLOCK_SECONDS = 60


def documents_below(source: Input, root: Descriptor) -> dict[Digest, Document]:
    """Every index, manifest and config from `root` on, each checked against its descriptor."""
    found: dict[Digest, Document] = {}
    waiting = [root]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.digest not in found:
            document = _read_document(source, descriptor)
            found[descriptor.digest] = document
            waiting.extend(_documents_named_by(document))
    return found


def blobs_named_by(documents: Iterable[Document]) -> tuple[Descriptor, ...]:
    """The layers of every manifest, each digest once."""
    layers = {
        layer.digest: layer
        for document in documents
        if document.media_type in MANIFESTS
        for layer in map(Descriptor.from_json, document.json.get("layers", ()))
    }
    return tuple(layers.values())


def read_blob(source: Input, blob: Descriptor) -> bytes:
    """All chunks, each copied before the next is asked for."""
    read = bytearray()
    for chunk in source.blob(blob):
        require(isinstance(chunk, bytes | memoryview), f"a chunk is bytes or a memoryview, not {type(chunk).__name__}")
        read += chunk
    return bytes(read)


def require_described(data: bytes, descriptor: Descriptor, what: str) -> None:
    require(len(data) == descriptor.size, f"{what} has {len(data)} bytes, its descriptor says {descriptor.size}")
    require(descriptor.digest.matches(data), f"{what} has the digest that its descriptor says")


def fleeting(data: bytes, size: int) -> Iterator[Chunk]:
    """`data` as views of one buffer that is overwritten for each: whoever keeps one notices."""
    buffer = bytearray(size)
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        buffer[: len(piece)] = piece
        yield memoryview(buffer)[: len(piece)]
    buffer[:] = b"\xff" * size


def at_once(jobs: Sequence[Callable[[], object]]) -> None:
    """Run every job on a thread of its own, started together; the first error is raised here."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(jobs) or 1)

    def work(job: Callable[[], object]) -> None:
        try:
            barrier.wait(DEADLOCK_SECONDS)
            job()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            errors.append(error)

    threads = [threading.Thread(target=work, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLOCK_SECONDS)
    if errors:
        raise errors[0]
    require(not any(thread.is_alive() for thread in threads), "calls from several threads come to an end")


def tree_of(directory: Path) -> Mapping[str, tuple[str, bytes]]:
    """Every path below, with its kind and content: two equal answers mean that nothing changed."""
    return {str(path.relative_to(directory)): _state(path) for path in sorted(directory.rglob("*"))}


def _state(path: Path) -> tuple[str, bytes]:
    if path.is_symlink():
        return "symlink", str(path.readlink()).encode()
    return ("file", path.read_bytes()) if path.is_file() else ("directory", b"")


def _read_document(source: Input, descriptor: Descriptor) -> Document:
    raw = source.document(descriptor)
    require(type(raw) is bytes, "a document is bytes")
    require_described(raw, descriptor, f"the document {descriptor.digest.short}")
    return Document(raw, descriptor.media_type)


def _documents_named_by(document: Document) -> Iterator[Descriptor]:
    try:
        if document.media_type in INDEXES:
            yield from map(Descriptor.from_json, document.json["manifests"])
        elif document.media_type in MANIFESTS:
            yield Descriptor.from_json(document.json["config"])
    except (KeyError, TypeError) as error:
        raise ContractViolation(f"a {document.media_type} names what is below it: {error}") from error

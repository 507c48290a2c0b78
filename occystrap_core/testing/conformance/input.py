"""The input contract as a suite."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from occystrap_core.contracts.arrival import Arrival, Delivering
from occystrap_core.contracts.input import Chunk, Input, InputTraits
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import NotFound
from occystrap_core.model.media_types import INDEXES, MANIFESTS, OCI_CONFIG, OCI_LAYER
from occystrap_core.testing.build import Content
from occystrap_core.testing.conformance.reading import (
    at_once,
    blobs_named_by,
    documents_below,
    read_blob,
    require_described,
    tree_of,
)
from occystrap_core.testing.contract import ContractViolation, require

OpenInput = Callable[[], Input]
_NOBODY = Digest.of(b"a blob that no image has")


def check_input(open_input: OpenInput, *, expected: Content | None = None, untouched: Path | None = None) -> None:
    """Hold what `open_input` opens, each time anew, to every rule of the input contract.

    `expected` is what it must serve, byte for byte. `untouched` is the directory it reads
    from, in which nothing may change. The image needs two different layers at least, so that
    threads and left streams have something to meet in.
    """
    before = tree_of(untouched) if untouched else None
    _check_identity(open_input)
    _check_content(open_input, expected)
    _check_missing(open_input)
    _check_streams_left_early(open_input)
    if _traits_of(open_input).reopenable:
        _check_reopening(open_input)
    if _traits_of(open_input).concurrent:
        _check_threads(open_input)
    _check_delivery(open_input)
    require(untouched is None or tree_of(untouched) == before, "an input never writes")


@contextlib.contextmanager
def _opened(open_input: OpenInput) -> Iterator[Input]:
    source = open_input()
    try:
        yield source
    finally:
        source.close()


def _traits_of(open_input: OpenInput) -> InputTraits:
    with _opened(open_input) as source:
        return source.traits


def _check_identity(open_input: OpenInput) -> None:
    with _opened(open_input) as first, _opened(open_input) as second:
        require(first.root() == first.root() == second.root(), "root() is the same each time")
        require(first.root().media_type in INDEXES | MANIFESTS, "root() is an index or a manifest")
        require(first.name() == second.name(), "name() is the same each time")
        require(first.name().repository, "an image has a name")
        require(first.traits == second.traits, "traits are the same each time")


def _check_content(open_input: OpenInput, expected: Content | None) -> None:
    with _opened(open_input) as source:
        documents = documents_below(source, source.root())
        for digest, document in documents.items():
            again = source.document(Descriptor(document.media_type, digest, len(document.raw)))
            require(again == document.raw, "a document asked for twice is the same")
        blobs = {}
        for blob in blobs_named_by(documents.values()):
            blobs[blob.digest] = read_blob(source, blob)
            require_described(blobs[blob.digest], blob, f"the blob {blob.digest.short}")
        require(len(blobs) > 1, "the suite needs an image of two different layers")
        if expected is not None:
            require(source.root().digest == expected.root.digest, "root() is the image that was asked for")
            raw = {digest: document.raw for digest, document in documents.items()}
            require(raw == dict(expected.documents), "every document is served with its exact bytes")
            require(blobs == dict(expected.blobs), "every blob is served as it is stored")


def _check_delivery(open_input: OpenInput) -> None:
    """Whether all, nothing or the beginnings of what arrives are taken, everything is served afterwards."""
    with _opened(open_input) as source:
        wanted = _everything(source)
    for take in (_take_nothing, _take_all, _take_the_beginning):
        with _opened(open_input) as source:
            if not isinstance(source, Delivering):
                return
            source.deliver(take)
            require(_everything(source) == wanted, "deliver() changes nothing of what is served")


def _everything(source: Input) -> dict[Digest, bytes]:
    documents = documents_below(source, source.root())
    blobs = {blob.digest: blob for blob in blobs_named_by(documents.values())}
    served = {digest: document.raw for digest, document in documents.items()}
    return served | {digest: read_blob(source, blob) for digest, blob in blobs.items()}


def _take_nothing(arrival: Arrival) -> bool:
    return False


def _take_all(arrival: Arrival) -> bool:
    """As the engine: what does not look like a layer is left to the input."""
    if arrival.head.startswith((b"{", b"[")):
        return False
    content = b"".join(map(bytes, arrival.chunks))
    require(len(content) == arrival.size, "an arrival is as long as it says")
    require(content.startswith(arrival.head), "an arrival begins with its head")
    require(len(arrival.head) >= min(512, arrival.size), "a head has 512 bytes, if there are so many")
    require(arrival.digest is None or arrival.digest.matches(content), "an arrival is what it is called")
    return True


def _take_the_beginning(arrival: Arrival) -> bool:
    if arrival.head.startswith((b"{", b"[")):
        return False
    next(iter(arrival.chunks), None)
    return True


def _check_missing(open_input: OpenInput) -> None:
    with _opened(open_input) as source:
        source.root()
        _require_not_found(lambda: source.document(Descriptor(OCI_CONFIG, _NOBODY, 24)), "document()")
        _require_not_found(lambda: next(source.blob(Descriptor(OCI_LAYER, _NOBODY, 24))), "the first chunk of blob()")


def _require_not_found(ask: Callable[[], object], what: str) -> None:
    try:
        ask()
    except NotFound as error:
        require(error.message, "an error says what happened")
        return
    except StopIteration:
        pass
    raise ContractViolation(f"{what} raises NotFound for what is not there")


def _check_streams_left_early(open_input: OpenInput) -> None:
    with _opened(open_input) as source:
        first, second, *_ = blobs_named_by(documents_below(source, source.root()).values())
        _leave(source.blob(first))
        require_described(read_blob(source, second), second, "a blob read after another was left early")


def _check_reopening(open_input: OpenInput) -> None:
    with _opened(open_input) as source:
        for blob in blobs_named_by(documents_below(source, source.root()).values()):
            _leave(source.blob(blob))
            require_described(read_blob(source, blob), blob, "a blob opened again after it was left early")
            require_described(read_blob(source, blob), blob, "a blob opened again after it was read")


def _check_threads(open_input: OpenInput) -> None:
    with _opened(open_input) as source:
        blobs = blobs_named_by(documents_below(source, source.root()).values())

        def read(blob: Descriptor) -> None:
            require_described(read_blob(source, blob), blob, "a blob read beside others")

        at_once([lambda blob=blob: read(blob) for blob in blobs])  # type: ignore[misc]  # mypy types no lambda defaults


def _leave(chunks: Iterator[Chunk]) -> None:
    """Read one chunk and no more, as a cancelled run does."""
    next(chunks, None)
    close = getattr(chunks, "close", None)
    if close is not None:
        close()

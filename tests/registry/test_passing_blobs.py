"""A blob whose name is known is sent on while it arrives."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from occystrap_core.contracts import Chunk, Slot
from occystrap_core.kit.distribution.failures import Transient
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import AccessDenied, DigestMismatch, TransferError
from occystrap_core.streams.verified import verified
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.registry.opening import destination

DATA = random.Random(4).randbytes(3_000_000)
BLOB = Descriptor("application/octet-stream", Digest.of(DATA), len(DATA))


def pieces(data: bytes = DATA) -> Iterator[Chunk]:
    """Views of a buffer that is overwritten, as the contract allows."""
    buffer = bytearray(70_000)
    for start in range(0, len(data), len(buffer)):
        piece = data[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        yield memoryview(buffer)[: len(piece)]
        buffer[:] = b"\xff" * len(buffer)


def stored(embedded: EmbeddedRegistry) -> bytes | None:
    return embedded.store.repository("team/app").blobs.get(str(BLOB.digest))


def methods(embedded: EmbeddedRegistry) -> list[str]:
    return [request.method for request in embedded.requests]


def test_it_is_there_before_it_is_kept(embedded: EmbeddedRegistry) -> None:
    output = destination(f"registry://{embedded.host}/team/app:v1")
    staged = output.put_blob(pieces(), Slot(0, BLOB))
    assert stored(embedded) == DATA
    output.keep(staged, BLOB, None)
    assert methods(embedded) == ["POST", "PUT"]
    output.abort()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", status=503, times=2),
        Fault("PUT", status=503),
        Fault("PUT", status=500, early=True),
        Fault("PUT", read_only=500_000),
        Fault("PUT", after_work=True),
    ],
    ids=["refused", "503", "early 500", "reset", "reset afterwards"],
)
def test_a_failed_upload_is_made_good_from_what_was_kept_aside(embedded: EmbeddedRegistry, fault: Fault) -> None:
    embedded.fail(fault)
    output = destination(f"registry://{embedded.host}/team/app:v1")
    output.keep(output.put_blob(pieces(), Slot(0, BLOB)), BLOB, None)
    assert stored(embedded) == DATA
    output.abort()


def test_a_refusal_is_final(embedded: EmbeddedRegistry) -> None:
    embedded.fail(Fault("POST", status=403))
    output = destination(f"registry://{embedded.host}/team/app:v1")
    with pytest.raises(AccessDenied):
        output.put_blob(pieces(), Slot(0, BLOB))
    output.abort()


@pytest.mark.parametrize(
    "failure", [TransferError("away"), Transient("busy"), OSError(5, "input/output error"), KeyboardInterrupt()]
)
def test_what_the_source_raises_is_raised(embedded: EmbeddedRegistry, failure: BaseException) -> None:
    def broken() -> Iterator[Chunk]:
        yield DATA[:300_000]
        raise failure

    output = destination(f"registry://{embedded.host}/team/app:v1")
    with pytest.raises(type(failure)) as caught:
        output.put_blob(broken(), Slot(0, BLOB))
    assert caught.value is failure
    assert stored(embedded) is None
    output.abort()


def test_bytes_that_are_not_what_they_should_be_become_no_blob(embedded: EmbeddedRegistry) -> None:
    damaged = DATA[:-1] + b"X"
    output = destination(f"registry://{embedded.host}/team/app:v1")
    with pytest.raises(DigestMismatch):
        output.put_blob(verified(pieces(damaged), BLOB, "the blob"), Slot(0, BLOB))
    assert stored(embedded) is None
    output.abort()


@pytest.mark.parametrize("data", [DATA[:-5], DATA + b"more"], ids=["short", "long"])
def test_a_source_of_another_length_is_an_error_at_once(embedded: EmbeddedRegistry, data: bytes) -> None:
    output = destination(f"registry://{embedded.host}/team/app:v1")
    with pytest.raises(DigestMismatch, match="is not the 3000000 bytes long"):
        output.put_blob(pieces(data), Slot(0, BLOB))
    assert stored(embedded) is None
    output.abort()

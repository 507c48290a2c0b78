"""Streams are checked against what their descriptor promises, without being held back."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator

import pytest

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import DigestMismatch
from occystrap_core.streams.verified import Measured, verified

CONTENT = random.Random(5).randbytes(500_000)


def descriptor_of(content: bytes, algorithm: str = "sha256") -> Descriptor:
    return Descriptor("application/octet-stream", Digest.of(content, algorithm), len(content))


def cut(content: bytes, size: int = 60_000) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def read(chunks: Iterable[Chunk]) -> bytes:
    return b"".join(bytes(chunk) for chunk in chunks)


class TestVerified:
    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    @pytest.mark.parametrize("content", [b"", b"x", CONTENT])
    def test_the_right_content_passes_unchanged(self, algorithm: str, content: bytes) -> None:
        assert read(verified(cut(content), descriptor_of(content, algorithm), "layer")) == content

    def test_hashing_on_another_thread_finds_the_same(self) -> None:
        before = threading.active_count()
        assert read(verified(cut(CONTENT), descriptor_of(CONTENT), "layer", threaded=True)) == CONTENT
        for wrong in (CONTENT[:-1], CONTENT + b"x", CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])):
            with pytest.raises(DigestMismatch):
                read(verified(cut(wrong), descriptor_of(CONTENT), "layer", threaded=True))
        assert threading.active_count() == before

    def test_chunks_are_handed_on_as_they_are(self) -> None:
        chunks = [b"one", memoryview(b"two")]
        passed = list(verified(chunks, descriptor_of(b"onetwo"), "layer"))
        assert passed[0] is chunks[0]
        assert passed[1] is chunks[1]

    def test_too_short_is_said_with_both_sizes(self) -> None:
        promised = Descriptor("", Digest.of(b"what was promised"), 34)
        with pytest.raises(DigestMismatch) as caught:
            read(verified([b"twelve bytes"], promised, "layer"))
        assert str(caught.value) == f"layer {promised.digest.short}… is 12 bytes, its descriptor says 34"

    def test_other_content_of_the_same_size_is_refused(self) -> None:
        with pytest.raises(DigestMismatch, match=f"has other content, whose digest is {Digest.of(b'wrong')}"):
            read(verified([b"wrong"], descriptor_of(b"right"), "config"))

    def test_too_long_is_refused_without_reading_on(self) -> None:
        asked = 0

        def endless() -> Iterator[bytes]:
            nonlocal asked
            while True:
                asked += 1
                yield bytes(10)

        with pytest.raises(DigestMismatch, match="is larger than the 25 bytes of its descriptor"):
            read(verified(endless(), descriptor_of(bytes(25)), "layer"))
        assert asked == 3

    def test_no_byte_too_many_is_handed_on(self) -> None:
        seen = []
        with pytest.raises(DigestMismatch):
            seen.extend(verified([b"12345", b"6"], descriptor_of(b"12345"), "layer"))
        stream = verified([b"12345", b"6"], descriptor_of(b"12345"), "layer")
        assert next(stream) == b"12345"
        with pytest.raises(DigestMismatch):
            next(stream)

    def test_closes_what_it_reads_from(self) -> None:
        closed: list[bool] = []

        def upstream() -> Iterator[bytes]:
            try:
                yield from cut(CONTENT)
            finally:
                closed.append(True)

        stream = verified(upstream(), descriptor_of(CONTENT), "layer")
        next(stream)
        stream.close()
        assert closed == [True]


@pytest.mark.parametrize("threaded", [False, True])
class TestMeasured:
    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    @pytest.mark.parametrize("content", [b"", b"x", CONTENT])
    def test_knows_digest_and_size_afterwards(self, threaded: bool, algorithm: str, content: bytes) -> None:
        measured = Measured(cut(content, 1000), algorithm, threaded=threaded)
        assert read(measured) == content
        assert measured.digest == Digest.of(content, algorithm)
        assert measured.size == len(content)

    def test_reused_memoryviews_are_hashed_in_time(self, threaded: bool) -> None:
        buffer = bytearray(50_000)

        def reused() -> Iterator[memoryview]:
            for part in cut(CONTENT, len(buffer)):
                buffer[:] = part
                yield memoryview(buffer)

        measured = Measured(reused(), threaded=threaded)
        assert sum(len(chunk) for chunk in measured) == len(CONTENT)
        assert measured.digest == Digest.of(CONTENT)

    def test_an_error_comes_through_and_leaves_no_thread(self, threaded: bool) -> None:
        def broken() -> Iterator[bytes]:
            yield b"a"
            raise OSError("gone")

        before = threading.active_count()
        with pytest.raises(OSError, match="gone"):
            read(Measured(broken(), threaded=threaded))
        assert threading.active_count() == before

    def test_left_early_it_leaves_no_thread(self, threaded: bool) -> None:
        before = threading.active_count()
        measured = Measured(cut(CONTENT, 1000), threaded=threaded)
        for _ in measured:
            break
        assert threading.active_count() == before
        assert measured.digest == Digest.of(CONTENT[:1000])

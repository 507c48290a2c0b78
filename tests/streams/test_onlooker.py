"""A stream with an onlooker: who looks on sees every byte, and keeps nobody from anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from occystrap_core.contracts import Chunk
from occystrap_core.model.errors import CorruptStream
from occystrap_core.streams.onlooker import looked_on

CHUNKS = [bytes([number]) * 1000 for number in range(20)]


def onlookers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "onlooker"]


def test_both_see_the_same_chunks_even_from_a_buffer_that_is_used_again() -> None:
    def reused() -> Iterator[Chunk]:
        buffer = bytearray(1000)
        for chunk in CHUNKS:
            buffer[:] = chunk
            yield memoryview(buffer)

    seen: list[bytes] = []
    with looked_on(reused(), seen.extend) as passing:
        passed = [bytes(chunk) for chunk in passing]
    assert seen == passed == CHUNKS
    assert not onlookers()


def test_the_onlooker_is_never_more_than_a_few_chunks_behind() -> None:
    made, behind = [0], []
    goes_on = threading.Event()

    def counted() -> Iterator[bytes]:
        for chunk in CHUNKS:
            made[0] += 1
            if made[0] == 4:
                goes_on.set()
            yield chunk

    def slow(shown: Iterator[bytes]) -> None:
        goes_on.wait(10)
        for taken, _ in enumerate(shown):
            behind.append(made[0] - taken)

    with looked_on(counted(), slow) as passing:
        assert len(list(passing)) == 20
    assert len(behind) == 20
    assert max(behind) <= 6


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("taken", [0, 3])
@pytest.mark.parametrize("raises", [False, True])
def test_who_stops_looking_holds_nothing_up(taken: int, raises: bool) -> None:
    def bored(shown: Iterator[bytes]) -> None:
        for _ in range(taken):
            next(shown)
        if raises:
            raise RuntimeError("bored")

    with looked_on(CHUNKS, bored) as passing:
        assert list(passing) == CHUNKS
    assert not onlookers()


def test_a_stream_that_is_given_up_is_no_whole_stream() -> None:
    ended: list[str] = []

    def read(shown: Iterator[bytes]) -> None:
        try:
            for _ in shown:
                pass
        except CorruptStream as error:
            ended.append(error.message)

    with pytest.raises(KeyError), looked_on(CHUNKS, read) as passing:
        next(iter(passing))
        raise KeyError
    assert ended == ["the stream was given up before its end"]
    assert not onlookers()

"""Layers on their way to a destination that wants them in order: the first is passed on, the others are fetched."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import OutputTraits
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.schedule import Stop, Stopped
from occystrap_core.engine.turns import Turns, turns_at
from occystrap_core.model.media_types import Compression

CHUNKS = [b"one", b"two", b"three"]
RUNNING = Stop().require_running


class Fetched:
    """A blob that says how much of it was fetched."""

    def __init__(self, chunks: Iterable[Chunk] = CHUNKS) -> None:
        self.chunks = chunks
        self.whole = threading.Event()

    def __iter__(self) -> Iterator[Chunk]:
        yield from self.chunks
        self.whole.set()


def test_what_comes_in_its_turn_is_passed_on_as_it_comes(tmp_path: Path) -> None:
    turns, blob = Turns(1, tmp_path), Fetched()
    with turns.present(4):
        passing = turns.fetched_ahead(blob, 4, RUNNING)
        assert next(passing) == b"one"
        assert not blob.whole.is_set()
        assert list(passing) == [b"two", b"three"]


def test_what_comes_before_its_turn_is_fetched_meanwhile_and_passed_on_then(tmp_path: Path) -> None:
    turns, blob, received = Turns(1, tmp_path), Fetched(), []

    def second() -> None:
        with turns.present(1):
            received.extend(turns.fetched_ahead(blob, 1, RUNNING))

    thread = threading.Thread(target=second)
    with turns.present(0):
        thread.start()
        assert blob.whole.wait(10)
        assert received == []
    thread.join(10)
    assert b"".join(received) == b"onetwothree"


def test_a_turn_that_comes_while_fetching_ends_the_putting_aside(tmp_path: Path) -> None:
    turns, begun, first_is_done = Turns(1, tmp_path), threading.Event(), threading.Event()
    received: list[Chunk] = []

    def chunks() -> Iterator[bytes]:
        yield b"aside, "
        begun.set()
        assert first_is_done.wait(10)
        yield b"aside as well, "
        assert received == [b"aside, aside as well, "], "what is aside goes first"
        yield b"not aside"

    def second() -> None:
        with turns.present(1):
            for chunk in turns.fetched_ahead(chunks(), 1, RUNNING):
                received.append(chunk)

    thread = threading.Thread(target=second)
    with turns.present(0):
        thread.start()
        assert begun.wait(10)
    first_is_done.set()
    thread.join(10)
    assert b"".join(received) == b"aside, aside as well, not aside"


def test_a_run_that_is_stopped_waits_for_no_turn(tmp_path: Path) -> None:
    turns, stop = Turns(1, tmp_path), Stop()
    with turns.present(0), turns.present(1):
        stop.set()
        with pytest.raises(Stopped):
            list(turns.fetched_ahead(CHUNKS, 1, stop.require_running))


def test_a_layer_that_comes_in_late_waits_for_none_of_those_after_it(tmp_path: Path) -> None:
    turns = Turns(1, tmp_path)
    with turns.present(5):
        later = turns.fetched_ahead(CHUNKS, 5, RUNNING)
        assert next(later) == b"one"
        with turns.present(2):
            assert list(turns.fetched_ahead(CHUNKS, 2, RUNNING)) == CHUNKS
        assert list(later) == [b"two", b"three"]


def test_blobs_that_find_their_place_in_any_order_never_wait() -> None:
    anywhere = OutputTraits((Compression.NONE,), any_order=True)
    assert turns_at(anywhere, Settings(parallel=7)).at_once == 7
    assert turns_at(OutputTraits((Compression.NONE,)), Settings(parallel=1)).at_once == 1

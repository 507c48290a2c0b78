"""A relay is the same stream on another thread: no chunk, error or thread is lost."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occystrap_core.streams.relay import relay


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def numbered(count: int) -> Iterator[bytes]:
    return (b"%d" % number for number in range(count))


class TestChunks:
    @settings(max_examples=50, deadline=None)
    @given(chunks=st.lists(st.binary(max_size=5), max_size=40), depth=st.integers(1, 6))
    def test_all_arrive_in_order(self, chunks: list[bytes], depth: int) -> None:
        assert list(relay(chunks, depth)) == chunks

    def test_they_are_made_on_another_thread(self) -> None:
        def where() -> Iterator[bytes]:
            yield str(threading.get_ident()).encode()

        assert list(relay(where())) != list(where())

    def test_reused_memoryviews_are_copied(self) -> None:
        buffer = bytearray(1)

        def reused() -> Iterator[memoryview]:
            for value in range(200):
                buffer[0] = value
                yield memoryview(buffer)

        assert list(relay(reused())) == [bytes([value]) for value in range(200)]

    @pytest.mark.parametrize("depth", [1, 3])
    def test_no_more_than_depth_are_made_ahead(self, depth: int) -> None:
        made = 0

        def counted() -> Iterator[bytes]:
            nonlocal made
            for chunk in numbered(50):
                made += 1
                yield chunk

        most_ahead = 0
        for taken, _ in enumerate(relay(counted(), depth), start=1):
            if taken % 10 == 0:
                time.sleep(0.01)
            most_ahead = max(most_ahead, made - taken)
        assert most_ahead == depth

    def test_producer_and_consumer_run_at_the_same_time(self) -> None:
        meeting = threading.Barrier(2, timeout=20)

        def met() -> Iterator[bytes]:
            yield b"first"
            meeting.wait()
            yield b"second"

        stream = relay(met(), depth=1)
        assert next(stream) == b"first"
        meeting.wait()
        assert list(stream) == [b"second"]

    def test_relays_of_relays(self) -> None:
        assert list(relay(relay(relay(numbered(100)), 1))) == list(numbered(100))


class TestErrors:
    def test_they_are_raised_in_the_consumer_after_what_came_before(self) -> None:
        def broken() -> Iterator[bytes]:
            yield b"good"
            raise ValueError("bad")

        stream = relay(broken())
        assert next(stream) == b"good"
        with pytest.raises(ValueError, match="bad"):
            next(stream)

    def test_they_show_where_they_were_raised(self) -> None:
        def breaks_right_here() -> Iterator[bytes]:
            yield b""
            raise ValueError("bad")

        with pytest.raises(ValueError) as caught:
            list(relay(breaks_right_here()))
        assert "breaks_right_here" in "".join(traceback.format_tb(caught.value.__traceback__))

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError])
    def test_none_is_too_special(self, error: type[BaseException]) -> None:
        def broken() -> Iterator[bytes]:
            yield b""
            raise error

        with pytest.raises(error):
            list(relay(broken()))

    def test_they_do_not_keep_the_stages_alive(self) -> None:
        class Held:
            pass

        held: list[weakref.ref[Held]] = []

        def broken() -> Iterator[bytes]:
            thing = Held()
            held.append(weakref.ref(thing))
            yield b""
            raise ValueError

        gc.disable()
        try:
            with pytest.raises(ValueError):
                list(relay(broken()))
            assert held[0]() is None
        finally:
            gc.enable()


class TestLeavingEarly:
    def test_a_relay_nobody_reads_starts_no_thread(self) -> None:
        stream = relay(numbered(3))
        assert all(thread.name != "relay" for thread in threading.enumerate())
        stream.close()

    @pytest.mark.parametrize("taken", [1, 5])
    def test_closing_ends_the_source_on_the_thread_that_reads_it(self, taken: int) -> None:
        readers: list[int] = []
        closers: list[int] = []

        def source() -> Iterator[bytes]:
            readers.append(threading.get_ident())
            try:
                yield from numbered(1000)
            finally:
                closers.append(threading.get_ident())

        stream = relay(source())
        for _ in range(taken):
            next(stream)
        stream.close()
        assert closers == readers

    def test_closing_is_prompt(self) -> None:
        made = 0

        def slow() -> Iterator[bytes]:
            nonlocal made
            while True:
                time.sleep(0.02)
                made += 1
                yield b"x"

        stream = relay(slow(), depth=100)
        next(stream)
        started = time.monotonic()
        stream.close()
        assert time.monotonic() - started < 1
        assert made < 10

    def test_an_error_in_the_consumer_closes_the_whole_chain(self) -> None:
        closed: list[str] = []

        def source() -> Iterator[bytes]:
            try:
                yield from numbered(1000)
            finally:
                closed.append("source")

        stream = relay(relay(source()))
        try:
            with pytest.raises(ZeroDivisionError):
                for chunk in stream:
                    len(chunk) / 0
        finally:
            stream.close()
        assert closed == ["source"]

    def test_an_abandoned_relay_ends_with_its_last_reference(self) -> None:
        stream = relay(numbered(1000))
        next(stream)
        del stream
        assert all(thread.name != "relay" for thread in threading.enumerate())

    def test_an_unfinished_relay_does_not_keep_the_process_alive(self) -> None:
        program = (
            "from occystrap_core.streams.relay import relay\n"
            "kept = relay(b'x' for _ in range(10**9))\n"
            "next(kept); print('done')"
        )
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
        assert result.stdout == "done\n"
        assert result.stderr == ""

"""Numbers by path."""

from __future__ import annotations

import time
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.streams.path_numbers import PathNumbers

SOME = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 2**63 - 1)))


@given(SOME)
def test_every_number_of_a_path_the_latest_first(added: list[tuple[bytes, int]]) -> None:
    found = PathNumbers()
    for path, number in added:
        found.add(path, number)
    for path in (b"a", b"b", b"c", b"never"):
        expected = [number for each, number in added if each == path][::-1]
        assert list(found.latest_first(path)) == expected
        assert found.latest(path) == (expected[0] if expected else None)


def test_many_take_little_memory_and_no_more_time_each() -> None:
    count = 150_000
    tracemalloc.start()
    found = PathNumbers()
    for number in range(count):
        found.add(b"usr/%d" % number, number)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / count < 48
    start = time.process_time()
    assert all(found.latest(b"usr/%d" % number) == number for number in range(count))
    assert found.latest(b"usr/x") is None
    assert time.process_time() - start < 5

"""Where paths lead through symlinks, and what finding it out costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.engine.symlinks import MAX_LINKS, Symlinks

TARGETS = st.sampled_from([b"a", b"b", b"/c", b"..", b"../b", b"d/e", b"/d/..//a", b".", b"/", b"c/../a", b"./d/"])
LINKS = st.dictionaries(st.sampled_from([b"a", b"b", b"c", b"d", b"d/e", b"d/a"]), TARGETS)


def walked(links: dict[bytes, bytes], path: bytes) -> bytes | None:
    """As a kernel does it, one part after the other."""
    waiting, done, followed = path.split(b"/"), b"", 0
    while waiting:
        part = waiting.pop(0)
        if part in (b"", b"."):
            continue
        if part == b"..":
            done = done.rpartition(b"/")[0]
            continue
        here = done + b"/" + part if done else part
        target = links.get(here)
        if target is None:
            done = here
            continue
        followed += 1
        if followed > MAX_LINKS:
            return None
        done = b"" if target.startswith(b"/") else done
        waiting = target.split(b"/") + waiting
    return done


@given(LINKS, st.lists(TARGETS))
def test_they_lead_where_a_kernel_goes(links: dict[bytes, bytes], paths: list[bytes]) -> None:
    found = Symlinks(links.get)
    for path in paths:
        assert found.end_of(path) == walked(links, path)
        assert found.parent_of(path + b"/x/..") == walked(links, path + b"/x/..")


def chain(length: int) -> dict[bytes, bytes]:
    return {b"c%d" % number: b"/c%d" % (number + 1) for number in range(length)}


def test_forty_links_are_followed_and_no_more_in_any_order() -> None:
    for order in (range(60), range(59, -1, -1)):
        found = Symlinks(chain(60).get)
        ends = {number: found.end_of(b"c%d" % number) for number in order}
        assert [ends[number] for number in (0, 19, 20, 59)] == [None, None, b"c60", b"c60"]


def asked(links: dict[bytes, bytes], paths: list[bytes]) -> int:
    """How often the links are looked at to follow all these paths."""
    count = 0

    def link_at(path: bytes) -> bytes | None:
        nonlocal count
        count += 1
        return links.get(path)

    found = Symlinks(link_at)
    for path in paths:
        found.end_of(path)
    return count


def test_many_paths_through_one_chain_cost_a_few_steps_each() -> None:
    through = [b"/c0/" + b"c1/../" * 8 + b"z%d" % number for number in range(5000)]
    ends = [b"/x%d/c0" % number for number in range(5000)]
    assert asked(chain(39), through) < 3 * len(through)
    assert asked({**chain(39), **{each[1:]: b"/c0" for each in ends}}, ends) < 4 * len(ends)


def test_links_that_lead_nowhere_cost_no_more() -> None:
    paths = [b"/l%d/x" % number for number in range(3000)]
    loop = {b"l%d" % number: b"/a/b/c/loop/x%d" % number for number in range(3000)}
    assert asked({**loop, b"a/b/c/loop": b"other", b"a/b/c/other": b"loop"}, paths) < 100 * len(paths)

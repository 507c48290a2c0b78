"""Two streams of entries walked side by side, in memory that hardly grows with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from occystrap_core.contracts import DeclaredChanges, Entry
from occystrap_core.contracts.entry import HARDLINK
from occystrap_filters.fidelity.links import GoneTargets
from occystrap_filters.fidelity.seen import FIELDS, Ahead, Seen, shown

_WINDOW = 500
"""How far to look for the place from which two streams go on alike."""


@dataclass(frozen=True, slots=True)
class Difference:
    path: bytes
    message: str


class Walk:
    """Iterate `differences` once: what differs and may not, in the order of the entries, which are
    read to the end. Then `entries_before` and `entries_after` count them."""

    def __init__(self, before: Iterable[Entry], after: Iterable[Entry], allowed: DeclaredChanges) -> None:
        self.entries_before = 0
        self.entries_after = 0
        self._before = Ahead(before)
        self._after = Ahead(after)
        self._allowed = allowed
        self._fields = tuple(field for field in FIELDS if field not in allowed.fields)
        self._links = GoneTargets(allowed.fields)

    def differences(self) -> Iterator[Difference]:
        before, after = self._before, self._after
        while (old := before.head) and (new := after.head):
            if self._key(old) == self._key(new):
                yield from self._pair(self._take_before(), self._take_after())
            else:
                yield from self._apart(old, new)
        while before.head:
            yield from self._gone()
        while after.head:
            yield from self._come()

    def _key(self, seen: Seen) -> object:
        """What two entries have in common when they stand for the same thing."""
        return seen.identity(self._allowed.fields) if "name" in self._allowed.fields else seen.path

    def _pair(self, old: Seen, new: Seen) -> Iterator[Difference]:
        if old.entry.kind == HARDLINK and (number := self._links.number_behind(old)) is not None:
            if not self._links.stands_for(new, number):
                message = (
                    f"led to {shown(old.entry.linkname)}, which is gone, and is neither a copy of it nor leads to one"
                )
                yield Difference(old.path, message)
        elif not old.is_same(new):
            for field in self._fields:
                was, now = old.value(field), new.value(field)
                if was != now:
                    yield Difference(old.path, f"has another {field}: {shown(was)} became {shown(now)}")

    def _apart(self, old: Seen, new: Seen) -> Iterator[Difference]:
        """The streams differ in which entries they have, or in the order: bring them together again."""
        may_drop, may_add = self._allowed.may_drop, self._allowed.may_add
        if may_drop and not may_add:
            yield from self._gone()
            return
        gone = self._distance(self._before, new)
        come = self._distance(self._after, old)
        if gone is not None and (come is None or gone <= come):
            yield from self._several(self._gone, gone)
        elif come is not None:
            yield from self._several(self._come, come)
        elif may_drop:
            yield from self._gone()
        else:
            yield from self._come()

    def _distance(self, stream: Ahead, wanted: Seen) -> int | None:
        key = self._key(wanted)
        return next((steps for steps, seen in enumerate(stream.within(_WINDOW)) if self._key(seen) == key), None)

    def _several(self, step: Callable[[], Iterator[Difference]], times: int) -> Iterator[Difference]:
        for _ in range(times):
            yield from step()

    def _gone(self) -> Iterator[Difference]:
        old = self._take_before()
        self._links.add(old)
        if not self._allowed.may_drop:
            yield Difference(old.path, "is missing, or not in its place")

    def _come(self) -> Iterator[Difference]:
        new = self._take_after()
        if not self._allowed.may_add:
            yield Difference(new.path, "was not there, or not in this place")

    def _take_before(self) -> Seen:
        self.entries_before += 1
        return self._before.take()

    def _take_after(self) -> Seen:
        self.entries_after += 1
        return self._after.take()

"""What became of hard links whose target was dropped: each must be a copy of it, or lead to one."""

from __future__ import annotations

from occystrap_core.contracts.entry import DIRECTORY, HARDLINK
from occystrap_core.streams.path_numbers import PathNumbers
from occystrap_filters.fidelity.seen import Seen, number_of


class GoneTargets:
    """The dropped entries of a layer, each known by a number for all that its copies must have from it."""

    def __init__(self, ignored: frozenset[str]) -> None:
        self._ignored = ignored
        self._gone = PathNumbers()
        self._copies = PathNumbers()

    def add(self, gone: Seen) -> None:
        if gone.entry.kind == HARDLINK:
            target = target_of(gone)
            number = self._gone.latest(target)
            self._gone.add(gone.path, _leads_to(target) if number is None else number)
        elif gone.entry.kind != DIRECTORY:
            self._gone.add(gone.path, gone.identity(self._ignored))

    def number_behind(self, link: Seen) -> int | None:
        """Of the dropped entry that a hard link led to; None where its target is still there."""
        return self._gone.latest(target_of(link))

    def stands_for(self, now: Seen, number: int) -> bool:
        """Whether an entry gives what the dropped one gave; if it is a copy, later links may lead to it."""
        if now.entry.kind == HARDLINK:
            target = target_of(now)
            return number in (self._copies.latest(target), _leads_to(target))
        if now.identity(self._ignored) != number:
            return False
        self._copies.add(now.path, number)
        return True


def target_of(link: Seen) -> bytes:
    return b"/".join(part for part in link.entry.linkname.split(b"/") if part not in (b"", b"."))


def _leads_to(path: bytes) -> int:
    return number_of(b"leads to " + path)

"""Whose turn it is to be unpacked, where the destination wants its layers one after the other.

A layer unpacked before its turn would have to be put aside uncompressed. So the first ones are
worked on, and the others only fetched: what is put aside of them is as small as it was sent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import OutputTraits
from occystrap_core.contracts.settings import Settings
from occystrap_core.streams.reading import reading
from occystrap_core.streams.spool import Spool

_PATIENCE_SECONDS = 0.1


class Turns:
    """The layers that have come in, by their order in the transfer; it is the turn of the `at_once` first of them.

    Nobody holds a turn while waiting for somebody else's, so nothing can lock up: a layer that comes
    in late only makes one more that is at work.
    """

    def __init__(self, at_once: int, temp_dir: Path | None = None) -> None:
        self.at_once = at_once
        self._temp_dir = temp_dir
        self._present: set[int] = set()
        self._changed = threading.Condition()

    @contextmanager
    def present(self, order: int) -> Iterator[None]:
        with self._changed:
            self._present.add(order)
        try:
            yield
        finally:
            with self._changed:
                self._present.discard(order)
                self._changed.notify_all()

    def fetched_ahead(
        self, chunks: Iterable[Chunk], order: int, require_running: Callable[[], None]
    ) -> Generator[Chunk, None, None]:
        """The same chunks; until it is the turn of `order`, they are read and put aside."""
        with reading(chunks) as incoming:
            if self._is_turn_of(order):
                yield from incoming
                return
            with Spool(self._temp_dir) as aside:
                for chunk in incoming:
                    aside.write(chunk)
                    if self._is_turn_of(order):
                        break
                self._wait_for(order, require_running)
                yield from aside.chunks()
            yield from incoming

    def _wait_for(self, order: int, require_running: Callable[[], None]) -> None:
        with self._changed:
            while not self._is_turn_of(order):
                require_running()
                self._changed.wait(_PATIENCE_SECONDS)

    def _is_turn_of(self, order: int) -> bool:
        return sum(other < order for other in self._present.copy()) < self.at_once


def turns_at(destination: OutputTraits, settings: Settings) -> Turns:
    """A layer keeps two processors busy: one inflates, the other hashes and writes."""
    side_by_side = max(1, (os.cpu_count() or 1) // 2)
    at_once = settings.parallel if destination.any_order else min(settings.parallel, side_by_side)
    return Turns(at_once, settings.temp_dir)

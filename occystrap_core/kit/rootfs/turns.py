"""Layers that arrive in any order, from several threads, unpacked one after the other in theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import TransferError
from occystrap_core.streams.spool import Spool

Unpack = Callable[[Iterable[Chunk]], object]


class Turns:
    """The layer whose turn it is streams through; the others are put aside, on disk, until it
    is, which may come while they are still arriving. Nobody ever waits for another thread.

    `put` is called from several threads; `finish` and `abort` when those are done.
    """

    def __init__(self, unpack: Unpack, spool_directory: Path | None) -> None:
        self._unpack = unpack
        self._spool_directory = spool_directory
        self._lock = threading.Lock()
        self._turn = 0
        self._taken = False
        self._waiting: dict[int, Spool] = {}
        self._spools: set[Spool] = set()

    def put(self, chunks: Iterable[Chunk], order: int) -> None:
        """Orders count 0, 1, 2 …, each once."""
        arriving, aside = iter(chunks), self._spool()
        for chunk in arriving:
            if self._entered(order):
                self._unpack(chain(aside.chunks(), (chunk,), arriving))
                self._drop(aside)
                self._leave()
                break
            aside.write(chunk)
        else:
            with self._lock:
                self._waiting[order] = aside
        self._unpack_waiting()

    def finish(self) -> None:
        if self._taken:
            raise TransferError("the tree is incomplete: a layer broke off in the middle")
        for order in sorted(self._waiting):
            self._unpack_aside(self._waiting.pop(order))

    def abort(self) -> None:
        for spool in list(self._spools):
            self._drop(spool)

    def _entered(self, order: int) -> bool:
        with self._lock:
            if self._taken or order != self._turn:
                return False
            self._taken = True
            return True

    def _leave(self) -> None:
        with self._lock:
            self._turn += 1
            self._taken = False

    def _unpack_waiting(self) -> None:
        while (aside := self._next_waiting()) is not None:
            self._unpack_aside(aside)
            self._leave()

    def _next_waiting(self) -> Spool | None:
        with self._lock:
            if self._taken or self._turn not in self._waiting:
                return None
            self._taken = True
            return self._waiting.pop(self._turn)

    def _unpack_aside(self, aside: Spool) -> None:
        self._unpack(aside.chunks())
        self._drop(aside)

    def _spool(self) -> Spool:
        spool = Spool(self._spool_directory)
        with self._lock:
            self._spools.add(spool)
        return spool

    def _drop(self, spool: Spool) -> None:
        with self._lock:
            self._spools.discard(spool)
        spool.close()

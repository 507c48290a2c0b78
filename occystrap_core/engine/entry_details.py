"""What `ls` shows of entries and nobody else asks for: times, device numbers, extended attributes."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

from occystrap_core.contracts.entry import BLOCK_DEVICE, CHAR_DEVICE, Entry
from occystrap_core.engine.budget import Budget

_COST = 400

_NONE: Mapping[str, bytes] = {}

Attributes = tuple[tuple[str, bytes], ...]


class EntryDetails:
    """Those of one layer, by the number of the entry: twelve bytes each, and every set of
    attributes once. Those of one image share a `budget`."""

    __slots__ = ("_attributes", "_attributes_of", "_budget", "_devices", "_known", "_times")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._times = array("q")
        self._devices: dict[int, tuple[int, int]] = {}
        self._attributes: list[Mapping[str, bytes]] = [_NONE]
        self._attributes_of = array("I")
        self._known: dict[Attributes, int] = {(): 0}

    def add(self, entry: Entry) -> None:
        if entry.kind == CHAR_DEVICE or entry.kind == BLOCK_DEVICE:
            self._budget.claim_device()
            self._devices[len(self._times)] = entry.device
        self._times.append(int(entry.mtime // 1))
        xattrs = entry.xattrs
        self._attributes_of.append(self._noted(xattrs) if xattrs else 0)

    def mtime(self, number: int) -> int:
        """In whole seconds, rounded down."""
        return self._times[number]

    def device(self, number: int) -> tuple[int, int] | None:
        return self._devices.get(number)

    def xattrs(self, number: int) -> Mapping[str, bytes]:
        return self._attributes[self._attributes_of[number]]

    def _noted(self, xattrs: Mapping[str, bytes]) -> int:
        key = tuple(xattrs.items())
        if (known := self._known.get(key)) is not None:
            return known
        self._budget.claim_attributes(_COST + sum(len(name) + len(value) for name, value in key))
        self._attributes.append(dict(key))
        self._known[key] = len(self._attributes) - 1
        return self._known[key]

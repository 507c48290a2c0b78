"""A number for each of very many paths, in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator


class PathNumbers:
    """Numbers of up to 63 bits by path, about 30 bytes each: of a path only a hash is kept.

    Another path's number is given once in 2^64 times: who cannot live with that checks. A lookup
    takes the same time however many there are; `_older` leads from what was added to what was
    added before it under the same path, plus one.
    """

    __slots__ = ("_keys", "_mask", "_numbers", "_older", "_table")

    def __init__(self) -> None:
        self._keys = array("q")
        self._numbers = array("q")
        self._older = array("I")
        self._mask = 1023
        self._table = array("I", bytes(4 * 1024))

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, path: bytes, number: int) -> None:
        key = hash(path)
        self._keys.append(key)
        self._numbers.append(number)
        slot = self._slot(key)
        self._older.append(self._table[slot])
        self._table[slot] = len(self._keys)
        if 3 * len(self._keys) > 2 * self._mask:
            self._grow()

    def latest_first(self, path: bytes) -> Iterator[int]:
        """Every number added for `path`."""
        there = self._table[self._slot(hash(path))]
        while there:
            yield self._numbers[there - 1]
            there = self._older[there - 1]

    def latest(self, path: bytes) -> int | None:
        there = self._table[self._slot(hash(path))]
        return self._numbers[there - 1] if there else None

    def _slot(self, key: int) -> int:
        """Where the latest of a key stands, or would."""
        table, keys, mask = self._table, self._keys, self._mask
        slot = key & mask
        while (there := table[slot]) and keys[there - 1] != key:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        mask = self._mask = 2 * self._mask + 1
        table = self._table = array("I", bytes(4 * (mask + 1)))
        keys = self._keys
        for number, key in enumerate(keys, 1):
            slot = key & mask
            while (there := table[slot]) and keys[there - 1] != key:
                slot = (slot + 1) & mask
            table[slot] = number

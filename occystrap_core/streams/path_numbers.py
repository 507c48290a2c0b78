"""A number for each of very many paths, in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

_ROWS = 1 << 10


class PathNumbers:
    """Numbers of up to 63 bits by path, 16 bytes each: of a path only a hash is kept.

    Another path's number is given once in 2^64 times: who cannot live with that checks.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[int, tuple[array[int], array[int]]] = {}

    def add(self, path: bytes, number: int) -> None:
        key = hash(path)
        row = self._rows.get(key % _ROWS)
        if row is None:
            row = self._rows[key % _ROWS] = (array("q"), array("q"))
        row[0].append(key)
        row[1].append(number)

    def latest_first(self, path: bytes) -> Iterator[int]:
        """Every number added for `path`."""
        key = hash(path)
        keys, numbers = self._rows.get(key % _ROWS, ((), ()))
        for position in range(len(keys) - 1, -1, -1):
            if keys[position] == key:
                yield numbers[position]

    def latest(self, path: bytes) -> int | None:
        return next(self.latest_first(path), None)

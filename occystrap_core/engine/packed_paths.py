"""Very many paths in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import overload


class PackedPaths(Sequence[bytes]):
    """Paths in the order they were added: four bytes each, and their names.

    >>> paths = PackedPaths()
    >>> paths.append(b"etc/motd"), paths.append(b"srv")
    (None, None)
    >>> list(paths), paths[-1], b"srv" in paths
    ([b'etc/motd', b'srv'], b'srv', True)
    """

    __slots__ = ("_ends", "_names")

    def __init__(self) -> None:
        self._names = bytearray()
        self._ends = array("I")

    @property
    def size(self) -> int:
        """How many bytes the names take."""
        return len(self._names)

    def append(self, path: bytes) -> None:
        self._names += path
        self._ends.append(len(self._names))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        end = self._ends[index]
        index %= len(self)
        return bytes(self._names[self._ends[index - 1] if index else 0 : end])

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        for end in self._ends:
            yield bytes(self._names[start:end])
            start = end

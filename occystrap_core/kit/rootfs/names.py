"""Which names the layer at work has added: whiteouts hide only what older layers have."""

from __future__ import annotations

from array import array


class AddedNames:
    """Eight bytes a name, and a set only in a layer where a whiteout asks.

    A name is known by the hash of its directory's inode and itself; the hash is keyed anew
    for every process, so that no layer can be made to collide.
    """

    def __init__(self) -> None:
        self._hashes = array("q")
        self._known: set[int] = set()
        self._listed = 0

    def add(self, directory: int, name: bytes) -> None:
        self._hashes.append(hash((directory, name)))

    def clear(self) -> None:
        self._hashes = array("q")
        self._known = set()
        self._listed = 0

    def __call__(self, directory: int, name: bytes) -> bool:
        """Whether the layer added it. An inode that was freed and used again is the layer's anyway."""
        if self._listed < len(self._hashes):
            self._known.update(self._hashes[self._listed :])
            self._listed = len(self._hashes)
        return hash((directory, name)) in self._known

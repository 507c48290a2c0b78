"""How findings speak of many things in one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import Remark, Seen, Severity, Where, shown

NOTHING: tuple[Remark, ...] = ()
"""What a rule answers most of the time."""

_MOST_NAMED = 5
MOST_PLACES = 10_000
"""How many files one finding has the places of; longer paths count for more."""

_LONG = 400


class Tally:
    """Counts paths, keeps the first few to be named in a message, and more as places of a finding.

    A layer is named where the engine does not know it: in rules about the merged file system.
    """

    __slots__ = ("_first_layer", "_is_one_layer", "_places", "_room", "count")

    def __init__(self) -> None:
        self.count = 0
        self._room = MOST_PLACES
        self._places: list[tuple[int | None, bytes]] = []
        self._first_layer: int | None = None
        self._is_one_layer = True

    def add(self, path: bytes, layer: int | None = None) -> None:
        if not self.count:
            self._first_layer = layer
        elif layer != self._first_layer:
            self._is_one_layer = False
        self.count += 1
        if self._room > 0:
            self._room -= 1 + len(path) // _LONG
            self._places.append((layer, path))

    @classmethod
    def of(cls, paths: Iterable[bytes], layer: int | None = None) -> Tally:
        tally = cls()
        for path in paths:
            tally.add(path, layer)
        return tally

    @classmethod
    def of_places(cls, places: Iterable[tuple[int, bytes]]) -> Tally:
        tally = cls()
        for layer, path in places:
            tally.add(path, layer)
        return tally

    def remark(self, message: str, severity: Severity | None = None) -> Remark:
        """About all these paths: at the layer that has them, at the path where it is one."""
        layer = self._first_layer if self._is_one_layer else None
        places = tuple(Where(layer=layer, entry=_shown(path)) for layer, path in self._places)
        if self.count == 1:
            return Remark(message, places[0], severity)
        return Remark(message, Where(layer=layer), severity, places)

    def __str__(self) -> str:
        first = self._places[:_MOST_NAMED]
        named = ", ".join(_shown(path) for _, path in first)
        more = self.count - len(first)
        return f"{named} and {more} more" if more else named


def _shown(path: bytes) -> str:
    return shown(path or b"/")


def place_of(seen: Seen | None) -> Where:
    """Where a file comes from, symlinks followed; nowhere for what is not there."""
    return Where(layer=seen.layer, entry=_shown(seen.path)) if seen else Where()


def counted(count: int, thing: str) -> str:
    """
    >>> counted(1, "file"), counted(2, "entry")
    ('1 file', '2 entries')
    """
    if count == 1:
        return f"1 {thing}"
    return f"{count} {thing[:-1]}ies" if thing.endswith("y") else f"{count} {thing}s"


def size_text(size: int) -> str:
    """
    >>> size_text(512), size_text(3 << 20)
    ('512 bytes', '3.0 MiB')
    """
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):.1f} {unit}"
    return f"{size} bytes"

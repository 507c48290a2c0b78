"""How findings speak of many things in one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import Remark, shown

NOTHING: tuple[Remark, ...] = ()
"""What a rule answers most of the time."""

_MOST_NAMED = 5


class Tally:
    """Counts paths and keeps the first few, to be named in one finding."""

    __slots__ = ("count", "first")

    def __init__(self) -> None:
        self.count = 0
        self.first: list[bytes] = []

    def add(self, path: bytes) -> None:
        self.count += 1
        if len(self.first) < _MOST_NAMED:
            self.first.append(path)

    @classmethod
    def of(cls, paths: Iterable[bytes]) -> Tally:
        tally = cls()
        for path in paths:
            tally.add(path)
        return tally

    def __str__(self) -> str:
        named = ", ".join(shown(path or b"/") for path in self.first)
        more = self.count - len(self.first)
        return f"{named} and {more} more" if more else named


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

"""What a rule says about one place, cut to what anybody reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_core.contracts.check import Remark
from occystrap_core.contracts.finding import Severity, Where

MAX_REMARKS = 20
"""Of one rule about one layer, and of one weight: a layer can hold a million times the same fault."""

MAX_PLACES = 10_000
"""How many files the findings of one rule have the places of, beside those they name."""

_LONG = 400
_Kind = tuple[int | None, Severity | None]


class Said:
    """Remarks as they come. Of each layer and weight the first few stay; what is said of the others
    weighs what they weigh, so that no rule ends graver than its gravest remark."""

    __slots__ = ("_kept", "_rest", "_room", "_seen")

    def __init__(self, remarks: Iterable[Remark] = ()) -> None:
        self._kept: list[Remark] = []
        self._seen: dict[_Kind, int] = {}
        self._room = MAX_PLACES
        self._rest: dict[_Kind, list[Where]] = {}
        for remark in remarks:
            self.add(remark)

    def add(self, remark: Remark) -> None:
        kind = remark.where.layer, remark.severity
        seen = self._seen[kind] = self._seen.get(kind, 0) + 1
        if seen <= MAX_REMARKS:
            self._kept.append(remark)
            return
        rest = self._rest.setdefault(kind, [])
        if remark.where.entry and self._room > 0:
            self._room -= room_of(remark.where)
            rest.append(remark.where)

    def __iter__(self) -> Iterator[Remark]:
        yield from self._kept
        for (layer, severity), places in self._rest.items():
            more = self._seen[layer, severity] - MAX_REMARKS
            yield Remark(f"and {more} more of these", Where(layer=layer), severity, tuple(places))


def room_of(place: Where) -> int:
    """For how many places it counts: long paths are several."""
    return 1 + len(place.entry) // _LONG

"""Numbers that occur more than once in a long column."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

_PART = 1 << 17


def repeats(numbers: Sequence[int]) -> Iterator[int]:
    """Where those stand that stood before, in order. Sets are made of parts of the column, since they
    take ten times its memory.

    >>> list(repeats([5, 6, 5, 7, 6, 5]))
    [2, 4, 5]
    """
    if all(len(set(part)) == len(part) for part in _parts(numbers)):
        return
    again = bytearray(len(numbers))
    for part, places in zip(_parts(numbers), _places(numbers), strict=True):
        met: set[int] = set()
        for place, number in zip(places, part, strict=True):
            if number in met:
                again[place] = 1
            met.add(number)
    place = again.find(1)
    while place >= 0:
        yield place
        place = again.find(1, place + 1)


def _parts(numbers: Sequence[int]) -> Sequence[Sequence[int]]:
    """The numbers, equal ones in the same part."""
    count = len(numbers) // _PART + 1
    if count == 1:
        return (numbers,)
    parts = [array("q") for _ in range(count)]
    for number in numbers:
        parts[number % count].append(number)
    return parts


def _places(numbers: Sequence[int]) -> Sequence[Sequence[int]]:
    """Where the numbers of each part stand."""
    count = len(numbers) // _PART + 1
    if count == 1:
        return (range(len(numbers)),)
    places = [array("I") for _ in range(count)]
    for place, number in enumerate(numbers):
        places[number % count].append(place)
    return places

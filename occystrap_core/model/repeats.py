"""Numbers that occur more than once in a long column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_PART = 1 << 16


def repeats(numbers: Sequence[int]) -> Iterator[int]:
    """Where those stand that stood before. Memory for a part of the column is enough.

    >>> list(repeats([5, 6, 5, 7, 6, 5]))
    [2, 4, 5]
    """
    parts = len(numbers) // _PART + 1
    for part in range(parts):
        here = numbers if parts == 1 else [number for number in numbers if number % parts == part]
        if len(set(here)) < len(here):
            yield from _repeats_of_part(numbers, parts, part)


def _repeats_of_part(numbers: Sequence[int], parts: int, part: int) -> Iterator[int]:
    met: set[int] = set()
    for position, number in enumerate(numbers):
        if number % parts == part:
            if number in met:
                yield position
            met.add(number)

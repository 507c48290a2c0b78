"""Names that differ in case alone."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from itertools import chain

from occystrap_checks.wording import Tally, counted
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    hookimpl,
    shown,
)
from occystrap_core.model.repeats import repeats

_CASED = re.compile(rb"[A-Z\x80-\xff][^/\0A-Z\x80-\xff]*\0")
"""The last one of a name, so that no long name is gone over more than once."""

_NAMED = 10
_MOST_FOLDERS = 100_000
_MOST_REMEMBERED = 10_000


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="case-collision",
        summary="no two names differ in case alone",
        implementation="occystrap_checks.filesystem.case_collision:CaseCollision",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="On the file systems of macOS and Windows, and with some shared folders, one of the two replaces the "
        "other when the image is unpacked.",
        example="COPY of a source tree with both README and Readme",
        remedy="Rename one of them where the image is meant to be unpacked elsewhere than on Linux.",
    )


class CaseCollision(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        places, keys = _cased(view)
        tally = Tally()
        named: list[str] = []
        for layer, one, other in chain(_pairs(view, places, keys), _pairs_of_folders(view)):
            tally.add(other, layer)
            if len(named) < _NAMED:
                named.append(f"{shown(one)} and {shown(other)}")
        if named:
            more = f"; and {tally.count - len(named)} more" if tally.count > len(named) else ""
            pairs = counted(tally.count, "pair")
            yield tally.remark(f"{pairs} of names that differ in case alone: {'; '.join(named)}{more}")


def _cased(view: View) -> tuple[array[int], array[int]]:
    """The names that have a twin of another case if any has, with a hash of what they fold to."""
    places, keys = array("Q"), array("q")
    for layer in range(len(view.facts)):
        listing = view.listing(layer)
        for number in listing.matching(_CASED):
            if view.is_final(layer, number):
                places.append(layer << 32 | number)
                keys.append(hash(_folded(listing.path(number))))
    return places, keys


def _pairs(view: View, places: array[int], keys: array[int]) -> Iterator[tuple[int, bytes, bytes]]:
    """One name, and the other with its layer."""
    for place in places:
        path = _path(view, place)
        folded = _folded(path)
        if folded != path and view.find(folded) is not None:
            yield place >> 32, folded, path
    first: dict[int, int] = {}
    again = frozenset(keys[position] for position in repeats(keys))
    for position, key in enumerate(keys):
        if key in again and first.setdefault(key, position) != position:
            place = places[position]
            yield place >> 32, _path(view, places[first[key]]), _path(view, place)


def _pairs_of_folders(view: View) -> Iterator[tuple[int, bytes, bytes]]:
    """The same of directories without entries of their own."""
    asked: set[int] = set()
    first: dict[bytes, bytes] = {}
    end = len(view.facts)
    for layer in range(end):
        for _, folder in view.listing(layer).folders():
            while folder and hash(folder) not in asked:
                if len(asked) > _MOST_FOLDERS:
                    return
                asked.add(hash(folder))
                folded = _folded(folder)
                if folded != folder and view.below(end, folder) is None and view.find(folder) is not None:
                    if view.find(folded) is not None:
                        yield layer, folded, folder
                    elif folded in first:
                        yield layer, first[folded], folder
                    elif len(first) < _MOST_REMEMBERED:
                        first[folded] = folder
                folder = folder.rpartition(b"/")[0]


def _path(view: View, place: int) -> bytes:
    return view.listing(place >> 32).path(place & 0xFFFFFFFF)


def _folded(path: bytes) -> bytes:
    """The path with its last name as file systems that ignore case compare it."""
    folder, slash, name = path.rpartition(b"/")
    if name.isascii():
        return folder + slash + name.lower()
    text = unicodedata.normalize("NFC", name.decode("utf-8", "surrogateescape")).casefold()
    return folder + slash + text.encode("utf-8", "surrogateescape")

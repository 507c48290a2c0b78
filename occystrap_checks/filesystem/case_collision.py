"""Names that differ in case alone."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice

from occystrap_checks.wording import counted
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
        pairs = list(islice(_pairs(view, places, keys), 1000))
        named = "; ".join(f"{shown(one)} and {shown(other)}" for one, other in pairs[:_NAMED])
        more = f"; and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
        if pairs:
            yield Remark(f"{counted(len(pairs), 'pair')} of names that differ in case alone: {named}{more}")


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


def _pairs(view: View, places: array[int], keys: array[int]) -> Iterator[tuple[bytes, bytes]]:
    end = len(view.facts)
    for place in places:
        path = _path(view, place)
        folded = _folded(path)
        if folded != path and view.below(end, folded) is not None:
            yield folded, path
    again = {keys[position]: position for position in repeats(keys)}
    for position, key in enumerate(keys):
        if again and again.get(key, position) != position:
            yield _path(view, places[position]), _path(view, places[again[key]])


def _path(view: View, place: int) -> bytes:
    return view.listing(place >> 32).path(place & 0xFFFFFFFF)


def _folded(path: bytes) -> bytes:
    """The path with its last name as file systems that ignore case compare it."""
    folder, slash, name = path.rpartition(b"/")
    if name.isascii():
        return folder + slash + name.lower()
    text = unicodedata.normalize("NFC", name.decode("utf-8", "surrogateescape")).casefold()
    return folder + slash + text.encode("utf-8", "surrogateescape")

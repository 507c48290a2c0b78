"""What the newest layers say about a path, before the older ones are read."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from occystrap_core.contracts.check import Seen
from occystrap_core.contracts.entry import DIRECTORY, SYMLINK
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.missing import not_found
from occystrap_core.engine.moved_entries import may_be_moved
from occystrap_core.model.errors import InvalidImage, LimitExceeded, NotFound
from occystrap_core.model.shown import shown
from occystrap_core.streams.path_numbers import PathNumbers

_MAX_LINKS = 40
_MOST_SEARCHED = 10_000_000
"""How many entries are gone over one by one before it pays to look them up."""

MOST_STEPS = 10_000_000
"""What one search may look up: a link's target has two thousand parts at most, and any layer may have each."""

_NUMBERS = 1 << 32
_DIRECTORY = ord(DIRECTORY)
_NOTHING = frozenset({b"", b"."})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads, as far as is known. `seen` is None where only older layers can tell what is there."""

    path: bytes
    seen: Seen | None


class NewestLayers:
    """Layers are added from the newest down. What one has lies over what older ones have; its
    whiteouts hide theirs."""

    def __init__(self, count: int) -> None:
        self._oldest = count
        self._records: dict[int, LayerRecords] = {}
        self._deleted_at = PathNumbers()
        self._emptied_at: dict[bytes, int] = {}
        self._known: PathNumbers | None = None
        self._searched = self._steps = 0
        self._names: set[bytes] = set()

    @property
    def records(self) -> Mapping[int, LayerRecords]:
        """What was added, by layer."""
        return self._records

    def may_be_moved(self, found: Seen | None) -> bool:
        """Whether only all layers together tell what is where it was looked for."""
        return may_be_moved(self._records, self._names, found)

    def add(self, records: LayerRecords) -> None:
        layer = self._oldest = records.layer
        self._records[layer] = records
        for path in records.whiteouts:
            if self._deleted_at.latest(path) is None:
                self._deleted_at.add(path, layer)
        if self._known is not None:
            _look_up_in(self._known, records)
        for path, _ in records.opaque:
            self._emptied_at.setdefault(path, layer)

    def find(self, path: bytes) -> Place:
        """Symlinks are followed, at the end too. Raises NotFound where no older layer can matter.

        A path that a layer has counts, even where an older layer might make a symlink of a
        directory above; `may_be_moved` tells where that can matter.
        """
        walk = _Walk(path)
        while (part := walk.next_part()) is not None:
            self._names.add(part)
            here = walk.at(part)
            floor = max(walk.floor, self._deleted_at.latest(here) or 0)
            seen = self._newest(here, floor)
            if seen is not None and seen.kind == SYMLINK:
                walk.follow(seen.linkname, path)
            elif walk.is_over:
                return self._last(here, seen, certain=walk.is_certain and self._oldest <= floor)
            elif seen is not None and seen.kind != DIRECTORY:
                raise NotFound(f"the image has no {shown(path)}: {shown(here)} is not a directory")
            else:
                walk.enter(part, self._floor_below(here, floor), certain=seen is not None or self._oldest <= floor)
        return Place(walk.path, _directory(walk.path, self._oldest))

    def not_found(self, path: bytes) -> NotFound:
        return not_found(path, self._records.values(), self._has)

    def exactly(self, path: bytes, newest: int) -> Seen | None:
        """What the layers from `newest` down have at exactly `path`."""
        return self._newest(path, 0, newest)

    def _last(self, here: bytes, seen: Seen | None, *, certain: bool) -> Place:
        if seen is None and certain:
            if not self._has_anything_in(here):
                raise self.not_found(here)
            seen = _directory(here, self._oldest)
        return Place(here, seen)

    def _has(self, path: bytes) -> bool:
        """As far as is known."""
        return self._deleted_at.latest(path) is None and (
            self._newest(path, 0) is not None or self._has_anything_in(path)
        )

    def _newest(self, path: bytes, floor: int, newest: int = 1 << 20) -> Seen | None:
        numbers = (each for each in self._having(path) if floor <= each[0] <= newest)
        layer, number = next(numbers, (0, -1))
        return self._records[layer].seen(number) if number >= 0 else None

    def _floor_below(self, here: bytes, floor: int) -> int:
        """The oldest layer whose content of the directory `here` counts: there it was emptied, or was none."""
        having = self._having(here)
        others = [layer for layer, number in having if self._records[layer].kind(number) != DIRECTORY]
        return max(floor, self._emptied_at.get(here, 0), *others, 0)

    def _having(self, path: bytes) -> Iterator[tuple[int, int]]:
        """Layer and number of every entry of exactly this path, what lies over the others first."""
        for layer, number in self._searched_for(path) if self._known is None else self._looked_up(self._known, path):
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise LimitExceeded(f"the symlinks lead through too many directories: more than {MOST_STEPS} steps")
            if self._records[layer].path(number) == path:
                yield layer, number

    def _searched_for(self, path: bytes) -> Iterator[tuple[int, int]]:
        for layer, records in self._records.items():
            self._searched += len(records) + 50
            for number in reversed(list(_places(records.keys, hash(path)))):
                yield layer, number
        if self._searched > _MOST_SEARCHED and self._known is None:
            self._known = PathNumbers()
            for records in self._records.values():
                _look_up_in(self._known, records)

    def _looked_up(self, known: PathNumbers, path: bytes) -> Iterator[tuple[int, int]]:
        self._steps += 1
        return (divmod(place, _NUMBERS) for place in sorted(known.latest_first(path), reverse=True))

    def _has_anything_in(self, here: bytes) -> bool:
        return any(
            folder == here or folder.startswith(here + b"/")
            for records in self._records.values()
            for _, folder in records.folders()
        )


class _Walk:
    """A path taken apart from left to right. `floor` is the oldest layer that counts where the walk
    is; it is certain while every directory on the way is known to be one."""

    def __init__(self, path: bytes) -> None:
        self._waiting = path.split(b"/")
        self._parts: list[bytes] = []
        self._floors = [0]
        self._links = 0
        self.is_certain = True

    @property
    def floor(self) -> int:
        return self._floors[-1]

    @property
    def path(self) -> bytes:
        return b"/".join(self._parts)

    @property
    def is_over(self) -> bool:
        return _NOTHING.issuperset(self._waiting)

    def next_part(self) -> bytes | None:
        while self._waiting:
            part = self._waiting.pop(0)
            if part == b".." and self._parts:
                self._parts.pop()
                self._floors.pop()
            elif part not in _NOTHING and part != b"..":
                return part
        return None

    def at(self, part: bytes) -> bytes:
        return b"/".join((*self._parts, part))

    def enter(self, part: bytes, floor: int, *, certain: bool) -> None:
        self._parts.append(part)
        self._floors.append(floor)
        self.is_certain = self.is_certain and certain

    def follow(self, target: bytes, asked: bytes) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise InvalidImage(f"{shown(asked)} is a symlink that leads to itself, or through too many others")
        if target.startswith(b"/"):
            self._parts.clear()
            del self._floors[1:]
        self._waiting = target.split(b"/") + self._waiting


def _look_up_in(known: PathNumbers, records: LayerRecords) -> None:
    """The last entry of each path and, where that is a directory, the last that is none."""
    first, kinds = records.layer * _NUMBERS, records.kinds
    for number in range(len(records) - 1, -1, -1):
        path = records.path(number)
        latest = known.latest(path)
        if (
            latest is None
            or latest // _NUMBERS != records.layer
            or (kinds[number] != _DIRECTORY == kinds[latest - first])
        ):
            known.add(path, first + number)


def _places(keys: array[int], key: int) -> Iterator[int]:
    place = -1
    while True:
        try:
            place = keys.index(key, place + 1)
        except ValueError:
            return
        yield place


def _directory(path: bytes, layer: int) -> Seen:
    return Seen(path, layer, DIRECTORY, 0o755, 0, 0, 0, b"")

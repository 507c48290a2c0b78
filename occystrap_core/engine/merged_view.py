"""The layers of an image laid over each other, as overlay file systems do it."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from occystrap_core.contracts.check import LayerFacts, Seen
from occystrap_core.contracts.entry import DIRECTORY, REGULAR, SYMLINK
from occystrap_core.engine.layer_records import LayerRecords

_MAX_LINKS = 40
_REMEMBERED = 1 << 12
_MOST_FOLDERS = 1 << 21
_NEVER = 0xFFFF
_DIRECTORY = ord(DIRECTORY)
_REGULAR = ord(REGULAR)


class MergedView:
    """Implements contracts.check.View, in about 25 bytes an entry beside the records.

    Records of all layers are numbered in a row. `_table` is a hash table of the latest number of
    each path, plus one; `_older` leads from a number to the one before it of the same path, plus
    one; `_hidden_by` is the first later layer that deletes a record or writes it anew. Of a path
    only its hash is compared, as of dict keys that no two paths in 2^64 share.
    """

    def __init__(self, layers: Sequence[LayerRecords], facts: tuple[LayerFacts, ...]) -> None:
        self.facts = facts
        self._layers = layers
        self._firsts = _firsts(layers)
        total = sum(len(records) for records in layers)
        self._mask = (1 << (total + total // 2).bit_length()) - 1
        self._table = array("I", bytes(4 * (self._mask + 1)))
        self._keys = layers[0].keys if len(layers) == 1 else _joined_keys(layers)
        self._older = array("I", bytes(4 * total))
        self._hidden_by = array("H", b"\xff\xff" * total)
        self._deleted_by: dict[bytes, list[int]] = {}
        self._emptied_by: dict[bytes, list[int]] = {}
        self._cuts_of: dict[bytes, tuple[int, ...]] = {}
        self._folders: set[int] | None = None
        for place, records in enumerate(layers):
            self._lay(place, records)
        self._delete()

    def listing(self, layer: int) -> LayerRecords:
        return self._layers[layer]

    def number(self, layer: int, path: bytes) -> int | None:
        first = self._firsts[layer]
        for number in self._latest_first(path):
            if number < first + len(self._layers[layer]):
                return number - first if number >= first else None
        return None

    def is_final(self, layer: int, number: int) -> bool:
        return self._hidden_by[self._firsts[layer] + number] == _NEVER

    def hidden_by(self, layer: int, number: int) -> int | None:
        """The first layer that took an entry away or wrote it anew, which its own layer may do, too."""
        culprit = self._hidden_by[self._firsts[layer] + number]
        return None if culprit == _NEVER else culprit

    def hidden(self) -> Iterator[tuple[int, int, int]]:
        for number, culprit in enumerate(self._hidden_by):
            if culprit != _NEVER:
                place = self._place(number)
                if culprit > place:
                    yield place, number - self._firsts[place], culprit

    def find(self, path: bytes) -> Seen | None:
        resolved = self._resolved_parent(path)
        if resolved is None:
            return None
        return self._final_at(resolved) or self._implied(resolved)

    def follow(self, path: bytes) -> Seen | None:
        for _ in range(_MAX_LINKS):
            seen = self.find(path)
            if seen is None or seen.kind != SYMLINK:
                return seen
            path = _joined(seen.path.rpartition(b"/")[0], seen.linkname)
        return None

    def below(self, layer: int, path: bytes) -> Seen | None:
        end = self._firsts[layer] if layer < len(self._firsts) else len(self._keys)
        for number in self._latest_first(path):
            if number < end:
                return self._seen(number) if self._hidden_by[number] >= layer else None
        return None

    def final(self) -> Iterator[Seen]:
        for place, records in enumerate(self._layers):
            first = self._firsts[place]
            hidden_by = self._hidden_by[first : first + len(records)]
            yield from (records.seen(number) for number, culprit in enumerate(hidden_by) if culprit == _NEVER)

    def final_paths(self) -> Iterator[tuple[int, int, bytes]]:
        """As final, each as layer, number and path."""
        for layer, records in enumerate(self._layers):
            first = self._firsts[layer]
            hidden_by = self._hidden_by[first : first + len(records)]
            yield from ((layer, number, records.path(number)) for number, by in enumerate(hidden_by) if by == _NEVER)

    def hidden_bytes(self) -> tuple[int, ...]:
        hidden = [0] * len(self._layers)
        for place, number, culprit in self.hidden():
            records = self._layers[place]
            if records.kinds[number] == _REGULAR:
                hidden[culprit] += records.size(number)
        return tuple(hidden)

    def content(self, path: bytes) -> bytes | None:
        seen = self.follow(path)
        return self._layers[seen.layer].contents.get(seen.path) if seen else None

    def _lay(self, place: int, records: LayerRecords) -> None:
        for path in records.whiteouts:
            self._deleted_by.setdefault(path, []).append(place)
        for path, _ in records.opaque:
            self._emptied_by.setdefault(path, []).append(place)
        table, keys, mask, number = self._table, self._keys, self._mask, self._firsts[place]
        for key in records.keys:
            slot = key & mask
            while there := table[slot]:
                if keys[there - 1] == key:
                    self._replace(there - 1, number, place)
                    break
                slot = (slot + 1) & mask
            number += 1
            table[slot] = number

    def _replace(self, older: int, newer: int, place: int) -> None:
        self._older[newer] = older + 1
        if self._hidden_by[older] == _NEVER:
            self._hidden_by[older] = place
        first = self._firsts[place]
        if older < first and self._kind(older) == _DIRECTORY != self._layers[place].kinds[newer - first]:
            self._emptied_by.setdefault(self._path(older), []).append(place)

    def _delete(self) -> None:
        for path, layers in self._deleted_by.items():
            for number in self._latest_first(path):
                self._hide(number, _first_above(layers, self._place(number)))
        if not self._deleted_by and not self._emptied_by:
            return
        for place, records in enumerate(self._layers):
            first = self._firsts[place]
            for start, end, folder in records.rows():
                culprit = _first_above(self._cuts(folder), place)
                if culprit != _NEVER:
                    for number in range(first + start, first + end):
                        self._hide(number, culprit)

    def _hide(self, number: int, culprit: int) -> None:
        if culprit < self._hidden_by[number]:
            self._hidden_by[number] = culprit

    def _cuts(self, folder: bytes) -> tuple[int, ...]:
        """The layers that take away what lower ones have in this folder, in order."""
        unknown: list[bytes] = []
        while (cuts := self._cuts_of.get(folder)) is None:
            unknown.append(folder)
            if not folder:
                cuts = ()
                break
            folder = folder.rpartition(b"/")[0]
        if len(self._cuts_of) >= _REMEMBERED:
            self._cuts_of.clear()
        for each in reversed(unknown):
            here = self._deleted_by.get(each, ()), self._emptied_by.get(each, ())
            if here[0] or here[1]:
                cuts = tuple(sorted({*cuts, *here[0], *here[1]}))
            self._cuts_of[each] = cuts
        return cuts

    def _latest_first(self, path: bytes) -> Iterator[int]:
        """Every record of this path."""
        key = hash(path)
        slot = key & self._mask
        while there := self._table[slot]:
            if self._keys[there - 1] == key:
                while there:
                    yield there - 1
                    there = self._older[there - 1]
                return
            slot = (slot + 1) & self._mask

    def _final_at(self, path: bytes) -> Seen | None:
        for number in self._latest_first(path):
            return self._seen(number) if self._hidden_by[number] == _NEVER else None
        return None

    def _implied(self, path: bytes) -> Seen | None:
        if self._folders is None:
            self._folders = self._folders_in_use()
        if hash(path) not in self._folders:
            return None
        return Seen(path, 0, DIRECTORY, 0o755, 0, 0, 0, b"")

    def _folders_in_use(self) -> set[int]:
        found = {hash(b"")}
        for place, records in enumerate(self._layers):
            first = self._firsts[place]
            for start, end, folder in records.rows():
                if _NEVER in self._hidden_by[first + start : first + end]:
                    while folder and hash(folder) not in found and len(found) < _MOST_FOLDERS:
                        found.add(hash(folder))
                        folder = folder.rpartition(b"/")[0]
        return found

    def _resolved_parent(self, path: bytes) -> bytes | None:
        """`path` with the symlinks among its parents followed; None where one leads nowhere."""
        waiting, done, links = path.split(b"/"), b"", 0
        while len(waiting) > 1:
            part = waiting.pop(0)
            if part == b"..":
                done = done.rpartition(b"/")[0]
            if part in (b"", b".", b".."):
                continue
            seen = self._final_at(_joined(done, part))
            if seen is None or seen.kind != SYMLINK:
                done = _joined(done, part)
                continue
            links += 1
            if links > _MAX_LINKS:
                return None
            done = b"" if seen.linkname.startswith(b"/") else done
            waiting = seen.linkname.strip(b"/").split(b"/") + waiting
        last = waiting[0] if waiting else b""
        if last == b"..":
            return done.rpartition(b"/")[0]
        return done if last in (b"", b".") else _joined(done, last)

    def _place(self, number: int) -> int:
        return bisect_right(self._firsts, number) - 1

    def _path(self, number: int) -> bytes:
        place = self._place(number)
        return self._layers[place].path(number - self._firsts[place])

    def _kind(self, number: int) -> int:
        place = self._place(number)
        return self._layers[place].kinds[number - self._firsts[place]]

    def _seen(self, number: int) -> Seen:
        place = self._place(number)
        return self._layers[place].seen(number - self._firsts[place])


def _firsts(layers: Sequence[LayerRecords]) -> list[int]:
    firsts, total = [], 0
    for records in layers:
        firsts.append(total)
        total += len(records)
    return firsts


def _joined_keys(layers: Sequence[LayerRecords]) -> array[int]:
    joined = array("q")
    for records in layers:
        joined.extend(records.keys)
    return joined


def _first_above(layers: Sequence[int], place: int) -> int:
    above = bisect_right(layers, place)
    return layers[above] if above < len(layers) else _NEVER


def _joined(folder: bytes, name: bytes) -> bytes:
    if name.startswith(b"/") or not folder:
        return name.lstrip(b"/")
    return folder + b"/" + name

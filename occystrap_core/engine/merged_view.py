"""The layers of an image laid over each other, as overlay file systems do it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

from occystrap_core.contracts.check import LayerFacts, Seen
from occystrap_core.contracts.entry import DIRECTORY, REGULAR, SYMLINK
from occystrap_core.engine.landing import folders_of_targets, folders_of_whiteouts, landed
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.symlinks import Symlinks
from occystrap_core.streams.path_numbers import PathNumbers

_REMEMBERED = 1 << 15
_FEW_STEPS = 16
_NEVER = 0xFFFF
_DIRECTORY = ord(DIRECTORY)
_REGULAR = ord(REGULAR)
_SYMLINK = ord(SYMLINK)


class MergedView:
    """Implements contracts.check.View, in about 25 bytes an entry beside the records.

    Records of all layers are numbered in a row. `_table` is a hash table of the latest number of
    each path, plus one; `_older` leads from a number to the last one of the same path in a layer
    before, plus one; `_hidden_by` is the first later layer that deletes a record or writes it anew.
    `_cut_at` are the layers that take away what lower ones have in a directory. Of a path only its
    hash is compared, as of dict keys that no two paths in 2^64 share.
    """

    def __init__(self, layers: Sequence[LayerRecords], facts: tuple[LayerFacts, ...]) -> None:
        self.facts = facts
        self._written = layers
        self._lay_all(layers)
        if self._leads_elsewhere:
            self._lay_all(landed(layers))
        self._delete()

    def _lay_all(self, layers: Sequence[LayerRecords]) -> None:
        """As they are written; `_leads_elsewhere` where a layer has something below a symlink."""
        self._layers = layers
        self._firsts = _firsts(layers)
        total = sum(len(records) for records in layers)
        self._mask = (1 << (total + total // 2).bit_length()) - 1
        self._table = array("I", bytes(4 * (self._mask + 1)))
        self._keys = layers[0].keys if len(layers) == 1 else _joined_keys(layers)
        self._older = array("I", bytes(4 * total))
        self._hidden_by = array("H", b"\xff\xff" * total)
        self._hides = False
        self._cut_at = PathNumbers()
        self._cuts_of: dict[int, int] = {}
        self._chains: dict[int, array[int]] = {}
        self._symlinks = Symlinks(self._link_at)
        self._folders: PathNumbers | None = None
        for place, records in enumerate(layers):
            self._lay(place, records)
        self._leads_elsewhere = False
        for place, records in enumerate(layers):
            self._make_folders(place, records)

    def listing(self, layer: int) -> LayerRecords:
        return self._layers[layer]

    def moved(self, layer: int) -> Iterator[tuple[bytes, bytes]]:
        written, records = self._written[layer], self._layers[layer]
        if written is not records:
            both = ((written.path(number), records.path(number)) for number in range(len(records)))
            yield from (pair for pair in both if pair[0] != pair[1])

    def number(self, layer: int, path: bytes) -> int | None:
        first = self._firsts[layer]
        number = self._latest_before(path, first + len(self._layers[layer]))
        return None if number is None or number < first else number - first

    def is_final(self, layer: int, number: int) -> bool:
        return self._hidden_by[self._firsts[layer] + number] == _NEVER

    def hidden_by(self, layer: int, number: int) -> int | None:
        """The first layer that took an entry away or wrote it anew, which its own layer may do, too."""
        culprit = self._hidden_by[self._firsts[layer] + number]
        return None if culprit == _NEVER else culprit

    def hidden(self) -> Iterator[tuple[int, int, int]]:
        for number, culprit in enumerate(self._hidden_by if self._hides else ()):
            if culprit != _NEVER:
                place = self._place(number)
                if culprit > place:
                    yield place, number - self._firsts[place], culprit

    def find(self, path: bytes) -> Seen | None:
        resolved = self._symlinks.parent_of(path)
        if resolved is None:
            return None
        return self._final_at(resolved) or self._implied(resolved)

    def follow(self, path: bytes) -> Seen | None:
        resolved = self._symlinks.end_of(path)
        if resolved is None:
            return None
        return self._final_at(resolved) or self._implied(resolved)

    def below(self, layer: int, path: bytes) -> Seen | None:
        number = self._latest_before(path, self._end(layer))
        return None if number is None or self._hidden_by[number] < layer else self._seen(number)

    def earlier(self, layer: int, path: bytes) -> Iterator[tuple[int, int]]:
        number = self._latest_before(path, self._end(layer))
        while number is not None:
            place = self._place(number)
            yield place, number - self._firsts[place]
            older = self._older[number]
            number = older - 1 if older else None

    def linked(self, link: Seen) -> Seen | None:
        """What a hard link is another name of, as its own layer sees it."""
        target = b"/".join([part for part in link.linkname.split(b"/") if part not in (b"", b".")])
        number = self.number(link.layer, target)
        return self.below(link.layer, target) if number is None else self._layers[link.layer].seen(number)

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
            for number in self._latest_first(path):
                self._hide(number, place)
                break
            self._cut(path, place)
        for path, _ in records.opaque:
            self._cut(path, place)
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
        first = self._firsts[place]
        self._hide(older, place)
        if older >= first:
            self._older[newer] = self._older[older]
            return
        self._older[newer] = older + 1

    def _make_folders(self, place: int, records: LayerRecords) -> None:
        """Where a layer has something in what is no directory, that gives way; where something takes the
        place of a directory, what was in there is gone. Neither needs an entry for the directory."""
        first, conflicts = self._firsts[place], _Conflicts(self._gives_way, place)
        for folder in folders_of_whiteouts(records):
            conflicts.above(folder)
        without = conflicts.without
        for start, end, folder in records.rows():
            if folder not in without:
                for each in conflicts.above(folder):
                    self._take_turns(each, place, first + start, first + end)
        if self._layers is self._written:
            links = _Conflicts(self._is_link, place)
            self._leads_elsewhere |= any(links.above(folder) for folder in folders_of_targets(records))

    def _gives_way(self, folder: bytes, place: int) -> bool:
        """Whether anything but a directory is at the path of a folder that this layer has something in."""
        others = self._no_folders_at(folder)
        for number in others:
            there = self._place(number)
            self._cut(folder, there)
            if there < place:
                self._hide(number, place)
            self._leads_elsewhere |= there <= place and self._kind(number) == _SYMLINK
        return bool(others)

    def _is_link(self, folder: bytes, place: int) -> bool:
        return any(self._kind(number) == _SYMLINK for number in self._no_folders_at(folder))

    def _no_folders_at(self, folder: bytes) -> Sequence[int]:
        key = hash(folder)
        slot = key & self._mask
        while there := self._table[slot]:
            if self._keys[there - 1] == key:
                if not self._older[there - 1] and self._kind(there - 1) == _DIRECTORY:
                    return ()
                return [number for number in self._latest_first(folder) if self._kind(number) != _DIRECTORY]
            slot = (slot + 1) & self._mask
        return ()

    def _take_turns(self, folder: bytes, place: int, start: int, end: int) -> None:
        """In one layer, the later of a file and of what lies in a folder of its name."""
        number = self._latest_before(folder, self._firsts[place] + len(self._layers[place]))
        if number is None or number < self._firsts[place] or self._kind(number) == _DIRECTORY:
            return
        for each in range(start, end) if number >= end else (number,):
            self._hide(each, place)

    def _cut(self, path: bytes, place: int) -> None:
        if self._cut_at.latest(path) != place:
            self._cut_at.add(path, place)

    def _delete(self) -> None:
        if not len(self._cut_at):
            return
        for place, records in enumerate(self._layers):
            first = self._firsts[place]
            for start, end, folder in records.rows():
                later = self._cuts(folder) >> place + 1
                if later:
                    culprit = place + (later & -later).bit_length()
                    for number in range(first + start, first + end):
                        self._hide(number, culprit)

    def _hide(self, number: int, culprit: int) -> None:
        if culprit < self._hidden_by[number]:
            self._hidden_by[number] = culprit
            self._hides = True

    def _cuts(self, folder: bytes) -> int:
        """The layers that take away what lower ones have in this folder, a bit for each."""
        unknown: list[bytes] = []
        known = self._cuts_of
        while (cuts := known.get(hash(folder))) is None:
            unknown.append(folder)
            if not folder:
                cuts = 0
                break
            folder = folder.rpartition(b"/")[0]
        if len(known) >= _REMEMBERED:
            known.clear()
        for each in reversed(unknown):
            for place in self._cut_at.latest_first(each):
                cuts |= 1 << place
            known[hash(each)] = cuts
        return cuts

    def _latest_first(self, path: bytes) -> Iterator[int]:
        """Of every layer that has this path, the last record."""
        key = hash(path)
        slot = key & self._mask
        while there := self._table[slot]:
            if self._keys[there - 1] == key:
                while there:
                    yield there - 1
                    there = self._older[there - 1]
                return
            slot = (slot + 1) & self._mask

    def _latest_before(self, path: bytes, end: int) -> int | None:
        """The last record of this path with a number below `end`; of a path in very many layers all are remembered."""
        for steps, number in enumerate(self._latest_first(path)):
            if number < end:
                return number
            if steps == _FEW_STEPS:
                chain = self._chain(path)
                before = bisect_left(chain, end)
                return chain[before - 1] if before else None
        return None

    def _chain(self, path: bytes) -> array[int]:
        key = hash(path)
        if key not in self._chains:
            if len(self._chains) >= _REMEMBERED:
                self._chains.clear()
            self._chains[key] = array("I", self._latest_first(path))[::-1]
        return self._chains[key]

    def _final_at(self, path: bytes) -> Seen | None:
        for number in self._latest_first(path):
            return self._seen(number) if self._hidden_by[number] == _NEVER else None
        return None

    def _implied(self, path: bytes) -> Seen | None:
        if self._folders is None:
            self._folders = self._folders_in_use()
        if self._folders.latest(path) is None:
            return None
        return Seen(path, 0, DIRECTORY, 0o755, 0, 0, 0, b"")

    def _folders_in_use(self) -> PathNumbers:
        found = PathNumbers()
        found.add(b"", 0)
        for place, records in enumerate(self._layers):
            first = self._firsts[place]
            for start, end, folder in records.rows():
                if _NEVER in self._hidden_by[first + start : first + end]:
                    while found.latest(folder) is None:
                        found.add(folder, 0)
                        folder = folder.rpartition(b"/")[0]
        return found

    def _link_at(self, path: bytes) -> bytes | None:
        """Where the symlink leads that is at exactly `path` in the end."""
        for number in self._latest_first(path):
            if self._kind(number) == _SYMLINK and self._hidden_by[number] == _NEVER:
                return self._seen(number).linkname
            break
        return None

    def _end(self, layer: int) -> int:
        """The number that the first record of a layer has, or would."""
        return self._firsts[layer] if layer < len(self._firsts) else len(self._keys)

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


class _Conflicts:
    """Which folders of one layer something else is in the place of; each is asked about once, mostly."""

    def __init__(self, is_one: Callable[[bytes, int], bool], place: int) -> None:
        self._is_one = is_one
        self._place = place
        self.without = {b""}
        self._known: dict[int, bool] = {}

    def above(self, folder: bytes) -> Sequence[bytes]:
        """Those among the folder and the ones above it."""
        if folder in self.without:
            return ()
        passed, found = [], []
        while folder not in self.without:
            passed.append(folder)
            if self._conflicts(folder):
                found.append(folder)
            folder = folder.rpartition(b"/")[0]
        if not found:
            self.without.update(passed)
            if len(self.without) > _REMEMBERED:
                self.without.clear()
                self.without.add(b"")
        return found

    def _conflicts(self, folder: bytes) -> bool:
        key = hash(folder)
        known = self._known.get(key)
        if known is None:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            known = self._known[key] = self._is_one(folder, self._place)
        return known

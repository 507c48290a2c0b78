"""The layers of an image laid over each other, as overlay file systems do it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from occystrap_core.contracts.check import LayerFacts, Seen
from occystrap_core.contracts.entry import DIRECTORY, REGULAR, SYMLINK
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.streams.path_numbers import PathNumbers

_MAX_LINKS = 40
_REMEMBERED = 1 << 14


class MergedView:
    """Records of a layer are numbered from its first number on. A path's latest record counts,
    unless a later layer cut it or one of its parents away. Implements contracts.check.View."""

    def __init__(self, layers: Sequence[LayerRecords], facts: tuple[LayerFacts, ...]) -> None:
        self.facts = facts
        self._layers = layers
        self._owners = [records.owners() for records in layers]
        self._firsts = _firsts(layers)
        self._numbers = PathNumbers()
        self._cut_at: dict[bytes, int] = {}
        self._emptied_at: dict[bytes, int] = {}
        self._alive_since: dict[bytes, int] = {}
        for place, records in enumerate(layers):
            self._lay(place, records)

    def find(self, path: bytes) -> Seen | None:
        resolved = self._resolved_parent(path)
        return self._final_at(resolved) if resolved is not None else None

    def follow(self, path: bytes) -> Seen | None:
        for _ in range(_MAX_LINKS):
            seen = self.find(path)
            if seen is None or seen.kind != SYMLINK:
                return seen
            path = _joined(seen.path.rpartition(b"/")[0], seen.linkname)
        return None

    def below(self, layer: int, path: bytes) -> Seen | None:
        for number in self._numbers.latest_first(path):
            place = self._place(number)
            if place >= layer or self._path(number) != path:
                continue
            return self._seen(number) if self._cut_between(path, place, layer) is None else None
        return None

    def final(self) -> Iterator[Seen]:
        for place, records in enumerate(self._layers):
            owners, first = self._owners[place], self._firsts[place]
            for index in range(len(records)):
                if self._is_final(first + index, place, records.path(index)):
                    yield records.seen(index, owners)

    def hidden_bytes(self) -> tuple[int, ...]:
        hidden = [0] * len(self._layers)
        for place, records in enumerate(self._layers):
            first = self._firsts[place]
            for index in range(len(records)):
                if records.kind(index) != REGULAR or not records.size(index):
                    continue
                culprit = self._hidden_by(first + index, place, records.path(index))
                if culprit is not None:
                    hidden[culprit] += records.size(index)
        return tuple(hidden)

    def content(self, path: bytes) -> bytes | None:
        seen = self.follow(path)
        return self._layers[seen.layer].contents.get(seen.path) if seen else None

    def _lay(self, place: int, records: LayerRecords) -> None:
        for path in records.whiteouts:
            self._cut_at[path] = place
        for path in records.opaque:
            self._emptied_at[path] = place
        first, add, latest = self._firsts[place], self._numbers.add, self._numbers.latest
        for index in range(len(records)):
            path = records.path(index)
            if records.kind(index) != DIRECTORY:
                older = latest(path)
                if older is not None and older < first and self._kind(older) == DIRECTORY:
                    self._emptied_at[path] = place
            add(path, first + index)

    def _final_at(self, path: bytes) -> Seen | None:
        for number in self._numbers.latest_first(path):
            if self._path(number) == path:
                return self._seen(number) if self._is_final(number, self._place(number), path) else None
        return None

    def _is_final(self, number: int, place: int, path: bytes) -> bool:
        if self._numbers.latest(path) != number:
            return False
        return self._cut_at.get(path, -1) <= place and self._since(path.rpartition(b"/")[0]) <= place

    def _since(self, folder: bytes) -> int:
        """The last layer that emptied this folder or one above it: only what came then or later is there."""
        known = self._alive_since.get(folder)
        if known is not None:
            return known
        last = max(self._cut_at.get(folder, -1), self._emptied_at.get(folder, -1))
        if folder:
            last = max(last, self._since(folder.rpartition(b"/")[0]))
        if len(self._alive_since) >= _REMEMBERED:
            self._alive_since.clear()
        self._alive_since[folder] = last
        return last

    def _hidden_by(self, number: int, place: int, path: bytes) -> int | None:
        """The first later layer that deletes or replaces this record."""
        culprits = [self._place(each) for each in self._numbers.latest_first(path) if self._place(each) > place]
        cut = self._cut_between(path, place, len(self._layers))
        return min([*culprits, *([cut] if cut is not None else [])], default=None)

    def _cut_between(self, path: bytes, place: int, before: int) -> int | None:
        cuts = [self._cut_at.get(path, -1)]
        folder = path
        while folder:
            folder = folder.rpartition(b"/")[0]
            cuts += self._cut_at.get(folder, -1), self._emptied_at.get(folder, -1)
        return min((cut for cut in cuts if place < cut < before), default=None)

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
        return next(place for place in range(len(self._firsts) - 1, -1, -1) if self._firsts[place] <= number)

    def _path(self, number: int) -> bytes:
        place = self._place(number)
        return self._layers[place].path(number - self._firsts[place])

    def _kind(self, number: int) -> bytes:
        place = self._place(number)
        return self._layers[place].kind(number - self._firsts[place])

    def _seen(self, number: int) -> Seen:
        place = self._place(number)
        return self._layers[place].seen(number - self._firsts[place], self._owners[place])


def _firsts(layers: Sequence[LayerRecords]) -> list[int]:
    firsts, total = [], 0
    for records in layers:
        firsts.append(total)
        total += len(records)
    return firsts


def _joined(folder: bytes, name: bytes) -> bytes:
    if name.startswith(b"/") or not folder:
        return name.lstrip(b"/")
    return folder + b"/" + name

"""What one layer holds, remembered in little memory: about 30 bytes an entry, and its names."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator

from occystrap_core.contracts.check import Seen
from occystrap_core.contracts.entry import Entry
from occystrap_core.engine.budget import Budget
from occystrap_core.engine.moves import Moves
from occystrap_core.engine.packed_paths import PackedPaths
from occystrap_core.model.errors import LimitExceeded
from occystrap_core.model.repeats import repeats
from occystrap_core.model.shown import shown

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
LONGEST_PATH = 4096
"""No system opens a longer one."""

_AUFS = b".wh..wh."
_NAMES_NOTHING = frozenset({b".wh.", b".wh..", b".wh..."})
_NUL = b"\0"
_MODE_UID_GID = slice(100, 124)
_BLOCK = 512

Owner = tuple[int, int, int]
"""Mode, uid and gid."""


class LayerRecords:
    """Filled while the layer is read, in the order of the archive; read afterwards.

    Implements contracts.check.Listing. `keys` are hashes of the paths and `kinds` their kinds, by
    number. `contents` are the small files that rules asked for; `mode` is that of the last entry.
    Records of one image share a `budget`.
    """

    __slots__ = (
        "_budget",
        "_claimed",
        "_ends",
        "_folder",
        "_known_fields",
        "_names",
        "_names_until",
        "_nesting",
        "_nesting_until",
        "_owner_list",
        "_owner_of",
        "_owners",
        "_row_starts",
        "_sizes",
        "contents",
        "keys",
        "kinds",
        "layer",
        "mode",
        "opaque",
        "whiteouts",
    )

    def __init__(self, layer: int, budget: Budget | None = None) -> None:
        self.layer = layer
        self._budget = budget or Budget()
        self._claimed = (0, 0, 0)
        self._names_until = self._nesting_until = 0
        self.whiteouts = PackedPaths()
        self.opaque: list[tuple[bytes, int]] = []
        self.contents: dict[bytes, bytes] = {}
        self.keys = array("q")
        self.kinds = bytearray()
        self.mode = 0
        self._names = bytearray(_NUL)
        self._ends = array("I")
        self._sizes = array("Q")
        self._owners: dict[Owner, int] = {}
        self._owner_list: list[Owner] = []
        self._owner_of = array("I")
        self._known_fields: dict[bytes, tuple[int, int]] = {}
        self._folder = b"\0"
        self._nesting = 0
        self._row_starts = array("I")

    def at(self, layer: int) -> LayerRecords:
        """The same records as another layer's, for a blob that stands in several places."""
        return self if layer == self.layer else self._twin(layer)

    @property
    def size_of_names(self) -> int:
        return len(self._names)

    def moved(self, moves: Moves, room: int) -> LayerRecords:
        """The same entries by the same numbers, some at other paths; as they are where the names take more room."""
        twin = self._twin(self.layer)
        twin.keys, twin.whiteouts, twin.opaque = array("q", self.keys), moves.whiteouts, moves.opaque
        twin.contents = moves.contents
        twin._names, twin._ends, twin._row_starts = bytearray(_NUL), array("I"), array("I")
        last = None
        for number, folder in self._folders_after(moves):
            path, _, rest = self._text(number).partition(_NUL)
            if folder is None:
                folder = path.rpartition(b"/")[0]
            else:
                name = path.rpartition(b"/")[2]
                path = folder + b"/" + name if folder else name
                twin.keys[number] = hash(path)
            target = moves.links.get(number)
            twin._names += path + _NUL + (rest if target is None else target + _NUL)
            if len(twin._names) > room:
                return self
            twin._ends.append(len(twin._names))
            if folder != last:
                twin._row_starts.append(number)
                last = folder
        return twin

    def _folders_after(self, moves: Moves) -> Iterator[tuple[int, bytes | None]]:
        """Every entry, with the folder it moves to."""
        here = 0
        for start, end, folder in (*moves.rows, (len(self), len(self), b"")):
            yield from ((number, None) for number in range(here, start))
            yield from ((number, folder) for number in range(start, end))
            here = end

    def _twin(self, layer: int) -> LayerRecords:
        twin = LayerRecords(layer)
        for name in self.__slots__:
            if name != "layer":
                setattr(twin, name, getattr(self, name))
        return twin

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, entry: Entry, path: bytes, folder: bytes) -> None:
        """An entry that is no whiteout."""
        kind, names = entry.kind, self._names
        if len(path) > LONGEST_PATH:
            raise LimitExceeded(f"a path in the layer is longer than {LONGEST_PATH} bytes: {shown(path[:60])}…")
        names += path + _NUL
        if kind == b"1" or kind == b"2":
            target = entry.linkname
            names += target + _NUL
            self._nesting += (target.count(b"/") + 1) * len(target)
        if len(names) > self._names_until or self._nesting > self._nesting_until:
            self._claim()
        self._ends.append(len(names))
        self.kinds += kind
        self.keys.append(hash(path))
        self._sizes.append(entry.size)
        raw = entry.raw
        known = self._known_fields.get(raw[_MODE_UID_GID]) if len(raw) == _BLOCK else None
        self.mode, owner = known or self._owner(entry)
        self._owner_of.append(owner)
        if folder != self._folder:
            self._folder = folder
            self._row_starts.append(len(self._ends) - 1)
            self._nesting += (folder.count(b"/") + 1) * len(folder)

    def claim_from(self, budget: Budget) -> None:
        """All that these records take, from another budget, or once more for another layer."""
        budget.claim(*self._taken())

    def _claim(self) -> None:
        taken, before = self._taken(), self._claimed
        steps = self._budget.claim(taken[0] - before[0], taken[1] - before[1], taken[2] - before[2])
        self._claimed = taken
        self._names_until, self._nesting_until = taken[0] + steps[0], taken[2] + steps[1]

    def _taken(self) -> tuple[int, int, int]:
        return len(self._names), len(self._ends), self._nesting

    def _owner(self, entry: Entry) -> tuple[int, int]:
        owner = (entry.mode, entry.uid, entry.gid)
        number = self._owners.setdefault(owner, len(self._owners))
        if number == len(self._owner_list):
            self._owner_list.append(owner)
        found = owner[0], number
        if len(entry.raw) == _BLOCK and len(self._known_fields) < 4096:
            self._known_fields[entry.raw[_MODE_UID_GID]] = found
        return found

    def add_whiteout(self, folder: bytes, name: bytes) -> None:
        if len(folder) + len(name) > LONGEST_PATH:
            raise LimitExceeded(f"a path in the layer is longer than {LONGEST_PATH} bytes: {shown(folder[:60])}…")
        if name == OPAQUE:
            self.opaque.append((folder, len(self)))
            self._budget.claim_opaque()
        elif not name.startswith(_AUFS) and name not in _NAMES_NOTHING:
            target = name[len(WHITEOUT) :]
            path = folder + b"/" + target if folder else target
            self.whiteouts.append(path)
            self._budget.claim_whiteout(path)

    def path(self, number: int) -> bytes:
        return self._text(number).partition(_NUL)[0]

    def kind(self, number: int) -> bytes:
        return bytes(self.kinds[number : number + 1])

    def size(self, number: int) -> int:
        return self._sizes[number]

    def seen(self, number: int) -> Seen:
        path, _, rest = self._text(number).partition(_NUL)
        mode, uid, gid = self._owner_list[self._owner_of[number]]
        return Seen(path, self.layer, self.kind(number), mode, uid, gid, self._sizes[number], rest[:-1])

    def of_kinds(self, kinds: bytes) -> Iterator[int]:
        return (found.start() for found in re.finditer(b"[%b]" % re.escape(kinds), self.kinds))

    def owned(self, wanted: Callable[[int, int, int], bool]) -> Iterator[int]:
        chosen = {number for number, owner in enumerate(self._owner_list) if wanted(*owner)}
        if not chosen:
            return iter(())
        return (number for number, owner in enumerate(self._owner_of) if owner in chosen)

    def matching(self, pattern: re.Pattern[bytes]) -> Iterator[int]:
        names, ends, position = self._names, self._ends, 0
        while found := pattern.search(names, position):
            start, end = found.span()
            number = bisect_right(ends, start + (names[start] == 0))
            if number == len(ends):
                return
            first = ends[number - 1] if number else 1
            if start >= first - 1 and end <= names.find(_NUL, first) + 1:
                yield number
            position = ends[number] - 1

    def folders(self) -> Iterator[tuple[int, bytes]]:
        return ((start, folder) for start, _, folder in self.rows())

    def rows(self) -> Iterator[tuple[int, int, bytes]]:
        """As folders, with where each row ends."""
        names, ends, starts = self._names, self._ends, self._row_starts
        next_starts = starts[1:]
        next_starts.append(len(ends))
        for start, end in zip(starts, next_starts, strict=False):
            first = ends[start - 1] if start else 1
            slash = names.rfind(b"/", first, names.find(_NUL, first))
            yield start, end, bytes(names[first:slash]) if slash > 0 else b""

    def repeated(self) -> Iterator[int]:
        return repeats(self.keys)

    def _text(self, number: int) -> bytes:
        start = self._ends[number - 1] if number else 1
        return bytes(self._names[start : self._ends[number]])

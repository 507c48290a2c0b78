"""Where entries land: what a layer has below a symlink is written through the link.

So it is in a tree that one layer after the other is unpacked into, ours as well as that of umoci and
of vfs storage. Overlay storage unpacks each layer by itself, where the link is not: there a directory
takes its place. The rule `parent-not-directory` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, SYMLINK
from occystrap_core.engine.layer_records import LONGEST_PATH, LayerRecords
from occystrap_core.engine.moves import Moves
from occystrap_core.engine.symlinks import Symlinks

_MOST_STEPS = 5_000_000
"""What is looked up for all layers together; what comes then stays where it is written."""

_MOST_NAMES = 64 << 20
"""The bytes of names of all layers in which anything moves; in those beyond, nothing does."""

_DIRECTORY = ord(DIRECTORY)
_SYMLINK = ord(SYMLINK)
_HARDLINK = ord(HARDLINK)


def landed(layers: Sequence[LayerRecords]) -> Sequence[LayerRecords]:
    """The layers with their entries, by the same numbers, at the paths where they land."""
    tree = _Tree(layers)
    return [tree.lay(place, records) for place, records in enumerate(layers)]


def folders_of_whiteouts(records: LayerRecords) -> Iterator[bytes]:
    """The directories that whiteouts are in."""
    yield from (path.rpartition(b"/")[0] for path in records.whiteouts)
    yield from (path for path, _ in records.opaque)


def folders_of_targets(records: LayerRecords) -> Iterator[bytes]:
    """The directories that hard links lead into."""
    return (_cleaned(records.seen(number).linkname).rpartition(b"/")[0] for number in records.of_kinds(HARDLINK))


class _Tree:
    """The symlinks of the tree that the layers make, by the hash of where they are; whiteouts come first
    in a layer. Times are layer << 32 with the number of the entry, plus one. `_taken` is when something
    else took the place of a directory, or emptied it: older links in it are gone."""

    def __init__(self, layers: Sequence[LayerRecords]) -> None:
        self._layers = layers
        self._links: dict[int, int] = {}
        self._above: set[int] = set()
        self._taken: dict[int, int] = {}
        self._ways = Symlinks(self._link_at)
        self._steps = 0
        self._room = _MOST_NAMES

    def lay(self, place: int, records: LayerRecords) -> LayerRecords:
        moves = Moves(records.contents)
        for path in records.whiteouts:
            at = self._landed(path)
            moves.add_whiteout(path, at)
            self._delete(place, at)
        for folder, before in records.opaque:
            at = self._folder(folder)
            moves.add_opaque(folder, before, at)
            self._take(hash(at), place << 32)
        for start, end, folder in records.rows():
            self._lay_row(place, records, (start, end, folder), moves)
        if not moves.is_any:
            return records
        moved = records.moved(moves, self._room)
        if moved is not records:
            self._room -= moved.size_of_names
        return moved

    def _delete(self, place: int, path: bytes) -> None:
        if self._links.pop(hash(path), None) is not None:
            self._ways = Symlinks(self._link_at)
        self._take(hash(path), place << 32)

    def _lay_row(self, place: int, records: LayerRecords, row: tuple[int, int, bytes], moves: Moves) -> None:
        start, end, folder = row
        ways, at = None, folder
        for number in range(start, end):
            if ways is not self._ways:
                moves.add_row(start, number, folder, at)
                start, ways, at = number, self._ways, self._folder(folder)
            key, kind = records.keys[number], records.kinds[number]
            if at != folder:
                path = records.path(number)
                landed = _joined(at, path.rpartition(b"/")[2])
                moves.add_content(path, landed)
                key = hash(landed)
            if kind == _HARDLINK:
                target = _cleaned(records.seen(number).linkname)
                moves.add_link(number, target, self._landed(target))
            self._put(place << 32 | number + 1, key, kind, at)
        moves.add_row(start, end, folder, at)

    def _put(self, time: int, key: int, kind: int, folder: bytes) -> None:
        if kind != _DIRECTORY:
            self._take(key, time)
        if kind == _SYMLINK:
            self._links[key] = time
            while folder and (above := hash(folder)) not in self._above:
                self._above.add(above)
                folder = folder.rpartition(b"/")[0]
            self._above.add(hash(b""))
        elif self._links.pop(key, None) is None:
            return
        self._ways = Symlinks(self._link_at)

    def _take(self, key: int, time: int) -> None:
        """What older links there are below is gone."""
        if key in self._above:
            self._taken[key] = time
            self._ways = Symlinks(self._link_at)

    def _landed(self, path: bytes) -> bytes:
        folder, _, name = path.rpartition(b"/")
        return _joined(self._folder(folder), name)

    def _folder(self, folder: bytes) -> bytes:
        if not folder or self._steps > _MOST_STEPS:
            return folder
        found = self._ways.end_of(folder)
        return folder if found is None or len(found) > LONGEST_PATH else found

    def _link_at(self, path: bytes) -> bytes | None:
        self._steps += 1 + path.count(b"/")
        time = self._links.get(hash(path))
        if time is None:
            return None
        folder = path
        while folder:
            folder = folder.rpartition(b"/")[0]
            if self._taken.get(hash(folder), 0) > time:
                return None
        return self._layers[time >> 32].seen((time & 0xFFFFFFFF) - 1).linkname


def _joined(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder else name


def _cleaned(path: bytes) -> bytes:
    return b"/".join([part for part in path.split(b"/") if part not in (b"", b".")])

"""What one layer holds, remembered in little memory: about 25 bytes an entry, and its names."""

from __future__ import annotations

from array import array

from occystrap_core.contracts.check import Seen
from occystrap_core.contracts.entry import Entry

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
_SEPARATOR = b"\0"


class LayerRecords:
    """Filled while the layer is read, in the order of the archive; read afterwards.

    `cuts` are the paths whose lower contents this layer deletes: a whiteout's target with
    itself, an opaque directory without.
    """

    __slots__ = (
        "_ends",
        "_kinds",
        "_names",
        "_owner_of",
        "_owners",
        "_sizes",
        "contents",
        "layer",
        "opaque",
        "whiteouts",
    )

    def __init__(self, layer: int) -> None:
        self.layer = layer
        self.whiteouts: list[bytes] = []
        self.opaque: list[bytes] = []
        self.contents: dict[bytes, bytes] = {}
        self._names = bytearray()
        self._ends = array("Q")
        self._kinds = bytearray()
        self._sizes = array("Q")
        self._owners: dict[tuple[int, int, int], int] = {}
        self._owner_of = array("I")

    def at(self, layer: int) -> LayerRecords:
        """The same records as another layer's, for a blob that stands in several places."""
        if layer == self.layer:
            return self
        twin = LayerRecords(layer)
        for name in self.__slots__:
            if name != "layer":
                setattr(twin, name, getattr(self, name))
        return twin

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, entry: Entry) -> None:
        path = entry.path
        name = path.rpartition(b"/")[2]
        if name.startswith(WHITEOUT):
            self._add_whiteout(path, name)
            return
        kind = entry.kind
        if kind == b"g":
            return
        self._names += path
        if kind in b"12":
            self._names += _SEPARATOR + entry.linkname
        self._ends.append(len(self._names))
        self._kinds += kind
        self._sizes.append(entry.size)
        owner = (entry.mode, entry.uid, entry.gid)
        self._owner_of.append(self._owners.setdefault(owner, len(self._owners)))

    def _add_whiteout(self, path: bytes, name: bytes) -> None:
        folder = path[: -len(name)].rstrip(b"/")
        if name == OPAQUE:
            self.opaque.append(folder)
        elif not name.startswith(b".wh..wh.") and len(name) > len(WHITEOUT):
            target = name[len(WHITEOUT) :]
            self.whiteouts.append(folder + b"/" + target if folder else target)

    def path(self, number: int) -> bytes:
        return self._text(number).partition(_SEPARATOR)[0]

    def kind(self, number: int) -> bytes:
        return bytes(self._kinds[number : number + 1])

    def size(self, number: int) -> int:
        return self._sizes[number]

    def seen(self, number: int, owners: list[tuple[int, int, int]]) -> Seen:
        path, _, linkname = self._text(number).partition(_SEPARATOR)
        mode, uid, gid = owners[self._owner_of[number]]
        return Seen(path, self.layer, self.kind(number), mode, uid, gid, self._sizes[number], linkname)

    def owners(self) -> list[tuple[int, int, int]]:
        """The (mode, uid, gid) that `seen` looks up; ask once for many."""
        return list(self._owners)

    def _text(self, number: int) -> bytes:
        start = self._ends[number - 1] if number else 0
        return bytes(self._names[start : self._ends[number]])

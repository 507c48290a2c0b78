"""What is in a directory of an image, in little memory however much it is."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace

from occystrap_core.contracts.check import Seen
from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, REGULAR
from occystrap_core.engine.merged_image import normalised
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.model.errors import NotFound
from occystrap_core.model.shown import shown

_PLACE = struct.Struct(">QH")
_NO_ENTRY = (1 << 64) - 1


class FolderListing:
    """The directory at `path`, or the one thing that is there, by path; iterated as often as one likes.

    Symlinks to directories are followed. Directories that no layer has an entry for are there
    all the same; hard links have the size of their file. Raises NotFound.
    """

    def __init__(self, view: MergedView, path: bytes, *, recursive: bool) -> None:
        self._view = view
        self._single: Seen | None = None
        self._below = b""
        self._rows: list[bytes] = []
        folder = view.follow(path)
        if folder is not None and folder.kind == DIRECTORY:
            self._below = folder.path + b"/" if folder.path else b""
            self._rows = sorted(self._found(recursive))
            return
        self._single = view.find(path)
        if self._single is None:
            raise NotFound(f"the image has no {shown(path)}")

    def __iter__(self) -> Iterator[Seen]:
        if self._single is not None:
            yield _sized(self._view, self._single)
        shown_last: list[bytes] = []
        for row in self._rows:
            parts = row[: -_PLACE.size - 1].split(b"\0")
            number, layer = _PLACE.unpack(row[-_PLACE.size :])
            if parts == shown_last:
                continue
            for depth in range(1, len(parts)):
                if parts[:depth] != shown_last[:depth]:
                    yield self._implied(parts[:depth], layer)
            shown_last = parts
            yield self._implied(parts, layer) if number == _NO_ENTRY else self._seen(layer, number)

    def _found(self, recursive: bool) -> Iterator[bytes]:
        """A row is a path with NUL between its parts, so that it sorts as paths do, and the place of the entry."""
        view, below, start = self._view, self._below, len(self._below)
        implied: set[bytes] = set()
        for layer, number, path in view.final_paths():
            if not path.startswith(below) or len(path) == start:
                continue
            key = path[start:].replace(b"/", b"\0")
            if recursive or b"\0" not in key:
                yield key + b"\0" + _PLACE.pack(number, layer)
            elif (part := key.partition(b"\0")[0]) not in implied:
                implied.add(part)
                yield part + b"\0" + _PLACE.pack(_NO_ENTRY, layer)

    def _implied(self, parts: list[bytes], layer: int) -> Seen:
        return Seen(self._below + b"/".join(parts), layer, DIRECTORY, 0o755, 0, 0, 0, b"")

    def _seen(self, layer: int, number: int) -> Seen:
        return _sized(self._view, self._view.listing(layer).seen(number))


def _sized(view: MergedView, seen: Seen) -> Seen:
    """A hard link with the size of the file that it is a name of, as its own layer sees it."""
    if seen.kind != HARDLINK:
        return seen
    target = normalised(seen.linkname)
    number = view.number(seen.layer, target)
    there = view.listing(seen.layer).seen(number) if number is not None else view.below(seen.layer, target)
    return replace(seen, size=there.size) if there and there.kind == REGULAR else seen

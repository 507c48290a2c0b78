"""What is in a directory of an image, in little memory however much it is."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge

from occystrap_core.contracts.check import Seen
from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, REGULAR
from occystrap_core.engine.entry_details import EntryDetails
from occystrap_core.engine.merged_image import normalised
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.engine.missing import not_found

_NO_ENTRY = 1 << 62
_RUN = 1 << 14
"""How many entries are sorted at a time; these runs are merged while they are listed."""

Row = tuple[bytes, int, int]
"""A path with NUL between its parts, so that it sorts as trees do; the number and layer of its entry."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry as a container sees it. A directory that no layer has an entry for has no `mtime`."""

    seen: Seen
    mtime: int | None = None
    device: tuple[int, int] | None = None
    xattrs: Mapping[str, bytes] = field(default_factory=dict)


class FolderListing:
    """The directory at `path`, or the one thing that is there, by path; iterated as often as one likes.

    Symlinks to directories are followed. Directories that no layer has an entry for are there
    all the same; hard links have the size of their file, and what is no file has none. Raises NotFound.
    """

    def __init__(self, view: MergedView, details: Sequence[EntryDetails], path: bytes, *, recursive: bool) -> None:
        self._view = view
        self._details = details
        self._single: Seen | None = None
        self._below = b""
        self._runs: list[tuple[int, array[int]]] = []
        self._implied_rows: list[Row] = []
        folder = view.follow(path)
        if folder is not None and folder.kind == DIRECTORY:
            self._below = folder.path + b"/" if folder.path else b""
            self._sort(recursive)
            return
        self._single = view.find(path)
        if self._single is None:
            layers = [view.listing(layer) for layer in range(len(details))]
            raise not_found(self._resolved(path), layers, lambda each: view.find(each) is not None)

    def __iter__(self) -> Iterator[Listed]:
        if self._single is not None:
            yield self._listed(self._single)
        shown_last: list[bytes] = []
        runs = [self._rows(layer, numbers) for layer, numbers in self._runs]
        for key, number, layer in merge(*runs, self._implied_rows):
            parts = key.split(b"\0")
            if parts == shown_last:
                continue
            for depth in range(1, len(parts)):
                if parts[:depth] != shown_last[:depth]:
                    yield self._implied(parts[:depth], layer)
            shown_last = parts
            yield self._implied(parts, layer) if number == _NO_ENTRY else self._entry(layer, number)

    def in_any_order(self) -> Iterator[Listed]:
        """All that have an entry, faster."""
        if self._single is not None:
            yield self._listed(self._single)
        for layer, numbers in self._runs:
            for number in numbers:
                yield self._entry(layer, number)

    def _resolved(self, path: bytes) -> bytes:
        folder, _, name = path.rpartition(b"/")
        parent = self._view.follow(folder)
        return path if parent is None or not parent.path else parent.path + b"/" + name

    def _sort(self, recursive: bool) -> None:
        below, start = self._below, len(self._below)
        implied: set[bytes] = set()
        waiting: list[tuple[bytes, int]] = []
        current = 0
        for layer, number, path in self._view.final_paths():
            if layer != current or len(waiting) == _RUN:
                self._add_run(current, waiting)
                current, waiting = layer, []
            if not path.startswith(below) or len(path) == start:
                continue
            key = path[start:].replace(b"/", b"\0")
            if recursive or b"\0" not in key:
                waiting.append((key, number))
            elif (part := key.partition(b"\0")[0]) not in implied:
                implied.add(part)
                self._implied_rows.append((part, _NO_ENTRY, layer))
        self._add_run(current, waiting)
        self._implied_rows.sort()

    def _add_run(self, layer: int, rows: list[tuple[bytes, int]]) -> None:
        """What an archive has in order becomes one run of a layer."""
        if not rows:
            return
        rows.sort()
        numbers = array("I", [number for _, number in rows])
        if self._runs and self._runs[-1][0] == layer:
            last = self._runs[-1][1]
            if self._key(layer, last[-1]) < rows[0][0]:
                last.extend(numbers)
                return
        self._runs.append((layer, numbers))

    def _key(self, layer: int, number: int) -> bytes:
        return self._view.listing(layer).path(number)[len(self._below) :].replace(b"/", b"\0")

    def _rows(self, layer: int, numbers: array[int]) -> Iterator[Row]:
        path, start = self._view.listing(layer).path, len(self._below)
        for number in numbers:
            yield path(number)[start:].replace(b"/", b"\0"), number, layer

    def _implied(self, parts: list[bytes], layer: int) -> Listed:
        return Listed(Seen(self._below + b"/".join(parts), layer, DIRECTORY, 0o755, 0, 0, 0, b""))

    def _listed(self, seen: Seen) -> Listed:
        number = self._view.number(seen.layer, seen.path)
        return Listed(seen) if number is None else self._entry(seen.layer, number)

    def _entry(self, layer: int, number: int) -> Listed:
        details = self._details[layer]
        return Listed(
            _sized(self._view, self._view.listing(layer).seen(number)),
            details.mtime(number),
            details.device(number),
            details.xattrs(number),
        )


def _sized(view: MergedView, seen: Seen) -> Seen:
    """A hard link with the size of the file that it is a name of, as its own layer sees it."""
    if seen.kind == REGULAR:
        return seen
    if seen.kind != HARDLINK:
        return replace(seen, size=0) if seen.size else seen
    target = normalised(seen.linkname)
    number = view.number(seen.layer, target)
    there = view.listing(seen.layer).seen(number) if number is not None else view.below(seen.layer, target)
    return replace(seen, size=there.size if there and there.kind == REGULAR else 0)

"""Entries whose parents are no directories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.wording import Tally, counted
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    Where,
    hookimpl,
    shown,
)
from occystrap_core.contracts.entry import BLOCK_DEVICE, CHAR_DEVICE, FIFO, HARDLINK, REGULAR, SYMLINK

_REMEMBERED = 1 << 18
_NO_PARENTS = frozenset({REGULAR, HARDLINK, SYMLINK, CHAR_DEVICE, BLOCK_DEVICE, FIFO})


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="parent-not-directory",
        summary="every entry lies in a directory",
        implementation="occystrap_checks.tar.parent_not_directory:ParentNotDirectory",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="What lies in something that is a file cannot be unpacked. What lies in a symlink lands elsewhere, "
        "depending on the engine: where a lower layer has the symlink, overlay storage puts a directory in its place, "
        "and all that the link led to is gone, while vfs storage and umoci write through it. Where a directory has no "
        "entry of its own, engines make one up, with mode and owner of their choice.",
        example="A layer with the file opt and the file opt/app; a layer with bin/app on a base where bin is a symlink "
        "to usr/bin.",
        remedy="Make the layer from a real directory tree, with entries for its directories.",
    )


class ParentNotDirectory(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        return (remark for layer in range(len(view.facts)) for remark in _faults(view, layer))


def _faults(view: View, layer: int) -> Iterator[Remark]:
    listing = view.facts[layer].listing or view.listing(layer)
    folders, implied = _Folders(), Tally()
    for number, folder in listing.folders():
        if b".." in folder.split(b"/"):  # the rule tar-path-escape speaks of those
            continue
        for parent in folders.new_above(folder):
            kind, link = _kind(view, layer, parent)
            if not kind:
                implied.add(parent, layer)
            elif kind in _NO_PARENTS:
                folders.stop_at(parent, folder)
                yield _remark(shown(listing.path(number)), shown(parent), kind, link, layer)
                break
    if implied.count:
        message = f"the layer has no entry for {counted(implied.count, 'parent directory')}: {implied}"
        yield implied.remark(message, Severity.INFO)


class _Folders:
    """The folders that a layer has something in, each looked at once, and none below what is no folder."""

    def __init__(self) -> None:
        self._asked: set[int] = set()
        self._stops: set[int] = set()

    def new_above(self, folder: bytes) -> Iterable[bytes]:
        """The folder and those above it, from the outside in, as far as they are new."""
        asked, new = self._asked, []
        while folder and hash(folder) not in asked:
            new.append(folder)
            folder = folder.rpartition(b"/")[0]
        if len(asked) > _REMEMBERED:
            asked.clear()
            self._stops.clear()
        asked.update(map(hash, new))
        if folder and hash(folder) in self._stops:
            self._stops.update(map(hash, new))
            return ()
        return reversed(new)

    def stop_at(self, outer: bytes, folder: bytes) -> None:
        while len(folder) >= len(outer):
            self._stops.add(hash(folder))
            folder = folder.rpartition(b"/")[0]


def _kind(view: View, layer: int, folder: bytes) -> tuple[bytes, str]:
    """What the folder is as far as this layer makes it, or else those below; empty where nothing says. With
    the target of a symlink below."""
    number = view.number(layer, folder)
    if number is not None:
        return view.listing(layer).seen(number).kind, ""
    below = view.below(layer, folder)
    if below is None:
        return b"", ""
    return below.kind, f"{shown(below.linkname)} in layer {below.layer + 1}" if below.kind == SYMLINK else ""


def _remark(path: str, folder: str, kind: bytes, link: str, layer: int) -> Remark:
    where = Where(layer=layer, entry=path)
    if link:
        message = f"{path} lies in {folder}, a symlink to {link}: some engines follow it, others replace it"
        return Remark(message, where, Severity.WARNING)
    if kind == SYMLINK:
        return Remark(f"{path} lies in {folder}, which the same layer makes a symlink", where, Severity.WARNING)
    return Remark(f"{path} lies in {folder}, which is no directory", where)

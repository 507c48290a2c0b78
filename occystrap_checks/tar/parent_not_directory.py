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
from occystrap_core.contracts.entry import BLOCK_DEVICE, CHAR_DEVICE, DIRECTORY, FIFO, HARDLINK, REGULAR, SYMLINK

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
        "depending on the engine. Where a directory has no entry of its own, engines make one up, with mode "
        "and owner of their choice.",
        example="A layer with the file opt and the file opt/app.",
        remedy="Make the layer from a real directory tree, with entries for its directories.",
    )


class ParentNotDirectory(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        return (remark for layer in range(len(view.facts)) for remark in _faults(view, layer))


def _faults(view: View, layer: int) -> Iterator[Remark]:
    asked: set[int] = set()
    implied = Tally()
    listing = view.listing(layer)
    for number, folder in listing.folders():
        if len(asked) > _REMEMBERED:
            asked.clear()
        while folder and hash(folder) not in asked:
            asked.add(hash(folder))
            kind = _kind(view, layer, folder)
            if b".." in folder.split(b"/"):  # the rule tar-path-escape speaks of those
                break
            if not kind:
                implied.add(folder)
            elif kind in _NO_PARENTS:
                path = shown(listing.path(number))
                yield _remark(path, shown(folder), kind == SYMLINK, layer)
            folder = folder.rpartition(b"/")[0]
    if implied.count:
        message = f"the layer has no entry for {counted(implied.count, 'parent directory')}: {implied}"
        yield Remark(message, Where(layer=layer), Severity.INFO)


def _kind(view: View, layer: int, folder: bytes) -> bytes:
    """What the folder is as far as this layer makes it, or else those below; empty where nothing says."""
    number = view.number(layer, folder)
    if number is not None:
        return view.listing(layer).seen(number).kind
    below = view.below(layer, folder)
    if below is None:
        return b""
    return DIRECTORY if below.kind == SYMLINK else below.kind


def _remark(path: str, folder: str, is_link: bool, layer: int) -> Remark:
    where = Where(layer=layer, entry=path)
    if is_link:
        return Remark(f"{path} lies in {folder}, which the same layer makes a symlink", where, Severity.WARNING)
    return Remark(f"{path} lies in {folder}, which is no directory", where)

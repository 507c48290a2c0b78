"""Entries that would be unpacked outside of the image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from occystrap_checks.wording import NOTHING, Tally, counted
from occystrap_core.contracts import (
    CheckSpec,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Listing,
    Needs,
    Remark,
    Severity,
    View,
    Where,
    hookimpl,
    shown,
)
from occystrap_core.contracts.entry import DIRECTORY, SYMLINK

_NO_PATH = re.compile(rb"\0\0")
_MOST_STEPS = 200_000
_MOST_LINKS = 40


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="tar-path-escape",
        summary="no entry leads out of the image",
        implementation="occystrap_checks.tar.tar_path_escape:TarPathEscape",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="A path with .., or through a symlink that climbs above the root, is how archives overwrite files of "
        "the host. Engines refuse it or confine it, each in its way. Absolute paths, as jib writes them, are info: "
        "every engine takes them from the root of the image.",
        example="An entry ../../etc/cron.d/x, or a symlink lib -> ../../../lib followed by lib/x.so.",
        remedy="Make the layer again with paths relative to the root of the image.",
    )


class TarPathEscape(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Paths()

    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        """What only all layers together tell: links of lower ones, and links by way of others."""
        lower: dict[bytes, bytes] = {}
        for layer, facts in enumerate(view.facts):
            if facts.listing is None:
                continue
            own = dict(_climbing(facts.listing))
            yield from _through(facts.listing, _still_links(view, layer, lower), layer)
            for path, link in _climbers(view, layer):
                if link not in own and link not in lower:  # those were told of
                    message = f"{shown(path)} is written through the symlink {shown(link)}, which leads above the root"
                    yield Remark(message, Where(layer=layer, entry=shown(path)))
            lower |= own


class Paths(LayerExamination):
    def __init__(self) -> None:
        self._absolute = Tally()

    def entry(self, entry: Entry) -> Iterable[Remark]:
        name = entry.name
        if name[:1] != b"/" and name.find(b"..") < 0:  # faster than `in`
            return NOTHING
        if b".." in name.split(b"/"):
            path = shown(name)
            return (Remark(f"the path {path} has a .. in it", Where(entry=path)),)
        if name[:1] == b"/":
            self._absolute.add(name)
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic or facts.listing is None:
            return
        if self._absolute.count:
            paths = counted(self._absolute.count, "path")
            yield self._absolute.remark(f"{paths} not relative to the root: {self._absolute}", Severity.INFO)
        yield from _roots(facts.listing)
        yield from _through(facts.listing, dict(_climbing(facts.listing)))


def _roots(listing: Listing) -> Iterator[Remark]:
    """Entries that are the root of the image, and no directory."""
    for number in listing.matching(_NO_PATH):
        seen = listing.seen(number)
        if not seen.path and seen.kind != DIRECTORY:
            what = f"a symlink to {shown(seen.linkname)}" if seen.kind == SYMLINK else "no directory"
            yield Remark(f"an entry makes the root of the image {what}", Where(entry="/"))


def _climbers(view: View, layer: int) -> Iterator[tuple[bytes, bytes]]:
    """The first entry in each folder that is reached by climbing above the root, with the outermost symlink."""
    known: set[int] = set()
    steps = 0
    for path, _ in view.moved(layer):
        folder = path.rpartition(b"/")[0]
        if hash(folder) in known:
            continue
        known.add(hash(folder))
        link, more = _climbing_link(view, layer, folder)
        if link:
            yield path, link
        steps += more
        if steps > _MOST_STEPS:
            return


def _climbing_link(view: View, layer: int, folder: bytes) -> tuple[bytes, int]:
    """The first symlink on the way to the folder, where that way leads above the root, else empty; and how many
    steps that took."""
    waiting, done, first, links, steps = folder.split(b"/")[::-1], b"", b"", 0, 0
    while waiting and links <= _MOST_LINKS:
        part = waiting.pop()
        steps += 1
        if part == b"..":
            if not done:
                return first, steps
            done = done.rpartition(b"/")[0]
        elif part not in (b"", b"."):
            done = done + b"/" + part if done else part
            target = _link_at(view, layer, done)
            if target.startswith(b"/"):  # that means the root of the image
                break
            if target:
                first, links = first or done, links + 1
                done = done.rpartition(b"/")[0]
                waiting += target.split(b"/")[::-1]
    return b"", steps


def _link_at(view: View, layer: int, path: bytes) -> bytes:
    number = view.number(layer, path)
    seen = view.listing(layer).seen(number) if number is not None else view.below(layer, path)
    return seen.linkname if seen is not None and seen.kind == SYMLINK else b""


def _climbing(listing: Listing) -> Iterator[tuple[bytes, bytes]]:
    for number in listing.of_kinds(SYMLINK):
        seen = listing.seen(number)
        if not seen.linkname.startswith(b"/") and _depth(seen.path.rpartition(b"/")[0], seen.linkname) < 0:
            yield seen.path, seen.linkname


def _depth(folder: bytes, target: bytes) -> int:
    """How deep below the root the target gets at its highest; negative above it."""
    depth = lowest = len(folder.split(b"/")) if folder else 0
    for part in target.split(b"/"):
        if part == b"..":
            depth -= 1
        elif part not in (b"", b"."):
            depth += 1
        lowest = min(lowest, depth)
    return lowest


def _still_links(view: View, layer: int, links: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Those that this layer finds, and leaves in their place."""
    left = {path: target for path, target in links.items() if view.number(layer, path) is None}
    return {path: target for path, target in left.items() if _link_at(view, layer, path) == target}


def _through(listing: Listing, links: dict[bytes, bytes], layer: int | None = None) -> Iterator[Remark]:
    for number, folder in listing.folders() if links else ():
        while folder and folder not in links:
            folder = folder.rpartition(b"/")[0]
        if folder:
            path = shown(listing.path(number))
            target = shown(links[folder])
            message = f"{path} is written through the symlink {shown(folder)} -> {target}, which leads above the root"
            yield Remark(message, Where(layer=layer, entry=path))

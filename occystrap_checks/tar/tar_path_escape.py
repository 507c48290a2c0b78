"""Entries that would be unpacked outside of the image."""

from __future__ import annotations

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
    Where,
    hookimpl,
    shown,
)
from occystrap_core.contracts.entry import SYMLINK


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
            yield Remark(f"{paths} not relative to the root: {self._absolute}", severity=Severity.INFO)
        links = dict(_climbing(facts.listing))
        if links:
            yield from _through(facts.listing, links)


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


def _through(listing: Listing, links: dict[bytes, bytes]) -> Iterator[Remark]:
    for number, folder in listing.folders():
        while folder and folder not in links:
            folder = folder.rpartition(b"/")[0]
        if folder:
            path = shown(listing.path(number))
            target = shown(links[folder])
            message = f"{path} is written through the symlink {shown(folder)} -> {target}, which leads above the root"
            yield Remark(message, Where(entry=path))

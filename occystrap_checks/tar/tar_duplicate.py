"""Paths that one layer has twice."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    Where,
    hookimpl,
    shown,
)
from occystrap_core.model.repeats import repeats

_MOST_PATHS = 100_000


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="tar-duplicate",
        summary="no layer has two entries of one path",
        implementation="occystrap_checks.tar.tar_duplicate:TarDuplicate",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="The specification forbids it, and Docker's image store refuses the layer (\"duplicates of file paths "
        'not supported"). Elsewhere the last entry wins, or the first.',
        example="tar -rf layer.tar etc/motd, with etc/motd in it already; ./etc/motd counts as the same path.",
        remedy="Make the archive from a directory in one go; with tar, leave out -r and -u.",
    )


class TarDuplicate(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Duplicates()


class Duplicates(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic or facts.listing is None:
            return
        listing = facts.listing
        for path, count in _counted(map(listing.path, listing.repeated())):
            yield Remark(f"{path} is in the layer {_times(count)}", Where(entry=path))
        deleted = listing.whiteouts
        for path, count in _counted(deleted[place] for place in repeats(array("q", map(hash, deleted)))):
            yield Remark(f"the whiteout of {path} is in the layer {_times(count)}", Where(entry=path))


def _counted(again: Iterable[bytes]) -> Iterator[tuple[str, int]]:
    """Each path with how often the layer has it; of very many, some are told of more than once."""
    counts: dict[bytes, int] = {}
    for path in again:
        counts[path] = counts.get(path, 1) + 1
        if len(counts) > _MOST_PATHS:
            yield from ((shown(each or b"/"), count) for each, count in counts.items())
            counts.clear()
    yield from ((shown(each or b"/"), count) for each, count in counts.items())


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"

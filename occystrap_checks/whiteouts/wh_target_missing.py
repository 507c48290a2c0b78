"""Whiteouts of what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.wording import Tally
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Listing,
    Needs,
    Remark,
    Severity,
    View,
    hookimpl,
)
from occystrap_core.streams.path_numbers import PathNumbers


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="wh-target-missing",
        summary="whiteouts delete something that is there",
        implementation="occystrap_checks.whiteouts.wh_target_missing:WhTargetMissing",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="A whiteout whose target no lower layer has does nothing. It is harmless, and a sign that the layer "
        "was made for another base.",
        example="RUN rm -f of a file that was made in the same step, with a builder that notes it all the same.",
        remedy="Nothing to do; rebuild the image on its base if you wonder.",
    )


class WhTargetMissing(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        folders = PathNumbers()
        deleting = [layer for layer in range(1, len(view.facts)) if len(view.listing(layer).whiteouts)]
        for layer in range(1, deleting[-1] + 1 if deleting else 0):
            _add_folders(folders, view.listing(layer - 1))
            missing = Tally.of(_missing(view, layer, folders), layer)
            if missing.count:
                targets = "target is" if missing.count == 1 else "targets are"
                yield missing.remark(f"{missing.count} {targets} in no layer below: {missing}")


def _add_folders(known: PathNumbers, listing: Listing) -> None:
    for _, folder in listing.folders():
        while folder and known.latest(folder) is None:
            known.add(folder, 0)
            folder = folder.rpartition(b"/")[0]


def _missing(view: View, layer: int, folders: PathNumbers) -> Iterator[bytes]:
    """The whiteouts' targets that have no entry below, nor any in them."""
    for path in view.listing(layer).whiteouts:
        if view.below(layer, path) is None and folders.latest(path) is None:
            yield path

"""Opaque markers behind what they must not hide."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, Tally, counted
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Listing,
    Needs,
    Remark,
    Severity,
    hookimpl,
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="opq-after-siblings",
        summary="an opaque marker comes before the entries of its directory",
        implementation="occystrap_checks.whiteouts.opq_after_siblings:OpqAfterSiblings",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="The specification says that it should: engines that apply entries one by one may otherwise delete "
        "the layer's own files.",
        example="A layer that lists var/new before var/.wh..wh..opq.",
        remedy="Write the marker right after the entry of its directory.",
    )


class OpqAfterSiblings(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Order()


class Order(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        listing = facts.listing
        if not facts.is_authentic or listing is None or not listing.opaque:
            return NOTHING
        first = _first_entries(listing, {folder for folder, _ in listing.opaque})
        late = Tally.of(folder for folder, before in listing.opaque if first.get(folder, before) < before)
        if not late.count:
            return NOTHING
        return (late.remark(f"{counted(late.count, 'opaque marker')} behind entries of the directory: {late}"),)


def _first_entries(listing: Listing, wanted: set[bytes]) -> dict[bytes, int]:
    """Where in the archive the first entry inside each of these directories is."""
    first: dict[bytes, int] = {}
    for number, folder in listing.folders():
        while folder:
            if folder in wanted:
                first.setdefault(folder, number)
            folder = folder.rpartition(b"/")[0]
        first.setdefault(b"", number)
    return first

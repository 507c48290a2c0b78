"""Whiteouts where there is nothing below."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from occystrap_checks.wording import NOTHING, Tally, counted
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    hookimpl,
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="wh-in-first-layer",
        summary="the first layer deletes nothing",
        implementation="occystrap_checks.whiteouts.wh_in_first_layer:WhInFirstLayer",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="There is nothing below the first layer that a whiteout could delete. It is left over from layers "
        "that were there once, and tools that unpack the layer alone show it as a file.",
        example="An image that was squashed by joining the archives of its layers.",
        remedy="Leave whiteouts out where layers are joined.",
    )


class WhInFirstLayer(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        if not view.facts:
            return NOTHING
        first = view.listing(0)
        tally = Tally.of(chain(first.whiteouts, (folder for folder, _ in first.opaque)), 0)
        if not tally.count:
            return NOTHING
        return (tally.remark(f"{counted(tally.count, 'whiteout')} in the first layer: {tally}"),)

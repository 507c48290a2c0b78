"""Paths that one layer both deletes and has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="wh-and-entry",
        summary="no layer deletes what it brings itself",
        implementation="occystrap_checks.whiteouts.wh_and_entry:WhAndEntry",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="A whiteout speaks of lower layers only, but engines that apply entries one by one delete the layer's "
        "own file when the whiteout comes last: what is left depends on the order.",
        example="A layer with etc/motd and etc/.wh.motd.",
        remedy="Leave the whiteout out: an entry replaces what lies below without it.",
    )


class WhAndEntry(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        return _both(view)


def _both(view: View) -> Iterator[Remark]:
    for layer in range(len(view.facts)):
        for target in view.listing(layer).whiteouts:
            if view.number(layer, target) is not None:
                path = shown(target)
                yield Remark(f"{path} is both deleted and brought by the layer", Where(layer=layer, entry=path))

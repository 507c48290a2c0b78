"""Whiteouts of what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.wording import Tally
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
)


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
        for layer in range(1, len(view.facts)):
            missing = Tally.of(_missing(view, layer))
            if missing.count:
                targets = "target is" if missing.count == 1 else "targets are"
                yield Remark(f"{missing.count} {targets} in no layer below: {missing}", Where(layer=layer))


def _missing(view: View, layer: int) -> Iterator[bytes]:
    """The whiteouts' targets that have no entry below, nor any in them."""
    wanted = {path for path in view.listing(layer).whiteouts if view.below(layer, path) is None}
    for lower in range(layer if wanted else 0):
        for _, folder in view.listing(lower).folders():
            while folder:
                wanted.discard(folder)
                folder = folder.rpartition(b"/")[0]
    return iter(sorted(wanted))

"""Whiteouts of what is not there."""

from __future__ import annotations

from collections.abc import Iterable

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
            missing = Tally.of(path for path in view.listing(layer).whiteouts if not _is_below(view, layer, path))
            if missing.count:
                targets = "target is" if missing.count == 1 else "targets are"
                yield Remark(f"{missing.count} {targets} in no layer below: {missing}", Where(layer=layer))


def _is_below(view: View, layer: int, path: bytes) -> bool:
    if view.below(layer, path) is not None:
        return True
    inside = path + b"/"
    return any(
        folder == path or folder.startswith(inside)
        for lower in range(layer)
        for _, folder in view.listing(lower).folders()
    )

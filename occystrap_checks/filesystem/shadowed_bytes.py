"""Bytes that later layers hide."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import size_text
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

_WORTH_A_WORD = 1 << 20


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="shadowed-bytes",
        summary="layers do not hide what earlier ones brought",
        implementation="occystrap_checks.filesystem.shadowed_bytes:ShadowedBytes",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="A file that a later layer deletes or writes anew is still part of the image: it is pulled and "
        "stored, and seen by nobody.",
        example="RUN apt-get update && apt-get install …, and then RUN rm -rf /var/lib/apt/lists in a step of its own",
        remedy="Delete in the same step that makes the files, or use a build stage or a cache mount.",
    )


class ShadowedBytes(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        for layer, size in zip(image.layers, view.hidden_bytes(), strict=True):
            if size >= _WORTH_A_WORD:
                step = f" ({shown(layer.created_by)})" if layer.created_by else ""
                message = f"the layer hides {size_text(size)} of lower layers{step}"
                yield Remark(message, Where(layer=layer.position))

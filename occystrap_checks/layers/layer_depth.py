"""Images of very many layers."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl

_MOST, _NEARLY = 128, 125


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="layer-depth",
        summary="an image has few enough layers to be mounted",
        implementation="occystrap_checks.layers.layer_depth:LayerDepth",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="The overlay driver stacks at most 128 directories, and a container adds one or two of its own: such "
        "an image can be pulled but not run, and nothing can be built on it.",
        example="A Dockerfile that commits in a loop, or FROM its own last result.",
        remedy="Join RUN steps, or flatten the image.",
    )


class LayerDepth(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        count = len(image.layers)
        if image.is_artifact or count <= _NEARLY:
            return NOTHING
        if count > _MOST:
            return (Remark(f"the image has {count} layers, overlay file systems take {_MOST}"),)
        message = f"the image has {count} layers, near the {_MOST} that overlay file systems take"
        return (Remark(message, severity=Severity.WARNING),)

"""How many layers lie on top of each other."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl

NEAR = 3
FAR = 100
"""So many layers no engine's limit is near to: then nobody's need be looked up."""


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="layer-depth",
        summary="the image has at most 125 layers",
        implementation="occystrap_checks.compat.layer_depth:LayerDepth",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Docker's overlay2 stacks at most 128 layers: an image with more cannot be pulled, and one close to the "
        "limit cannot be built upon. A container adds layers of its own.",
        example="A Dockerfile FROM an image that is built FROM itself every night.",
        remedy="Join steps, build from a fresh base image, or squash the image.",
    )


class LayerDepth(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        depth = len(image.layers) + image.left_out
        if image.is_artifact or depth < FAR:
            return
        named = [engine for engine, _ in self.context.targets]
        for fact in feature("layer-depth").engines:
            if fact.limit is None or (named and fact.name not in named):
                continue
            text = f"the image has {depth} layers"
            if depth > fact.limit:
                yield Remark(f"{text}, {fact.name} takes at most {fact.limit}")
            elif depth > fact.limit - NEAR:
                yield Remark(f"{text}, close to the {fact.limit} that {fact.name} takes", severity=Severity.WARNING)

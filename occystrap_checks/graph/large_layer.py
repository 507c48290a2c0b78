"""Layers that are slow to move."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import is_whole_number
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, Where, hookimpl

LARGE = 1024**3


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="large-layer",
        summary="no layer is larger than 1 GiB",
        implementation="occystrap_checks.graph.large_layer:LargeLayer",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="A layer is moved and unpacked as one piece: a large one cannot be fetched in parallel, is sent whole "
        "after the smallest change, and some registries and proxies refuse it.",
        example="RUN pip install torch  # one layer of 2 GiB",
        remedy="Split the step that makes the layer, leave caches out of it, or copy models and data in "
        "layers of their own.",
    )


class LargeLayer(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        if image.is_artifact:
            return
        for layer in image.layers:
            size = layer.reference.get("size")
            if is_whole_number(size) and size > LARGE:
                yield Remark(f"the layer is {size / LARGE:.1f} GiB ({size} bytes)", Where(layer=layer.position))

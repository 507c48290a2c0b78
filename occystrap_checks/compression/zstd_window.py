"""The memory that zstd data asks its readers for."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, size_text
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    hookimpl,
)

_FLOOR, _USUAL, _MOST = 8 << 20, 128 << 20, 512 << 20


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="zstd-window",
        summary="zstd layers can be read with the usual window",
        implementation="occystrap_checks.compression.zstd_window:ZstdWindow",
        severity=Severity.WARNING,
        needs=Needs.LAYERS,
        why="A zstd frame says how much of its output a reader must keep. Readers need only support 8 MiB; "
        "libzstd refuses more than 128 MiB unless told otherwise, and the Go library in Docker, containerd "
        "and Podman more than 512 MiB.",
        example="zstd --ultra --long=31 layer.tar",
        remedy="Compress the layer with a window of at most 8 MiB: any level up to 19, without --long.",
    )


class ZstdWindow(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Window()


class Window(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic or facts.window <= _FLOOR:
            return NOTHING
        asks = f"the layer asks for a window of {size_text(facts.window)}"
        if facts.window > _MOST:
            return (
                Remark(f"{asks}: Docker, containerd and Podman refuse it; it was not read", severity=Severity.ERROR),
            )
        if facts.window > _USUAL:
            return (Remark(f"{asks}: many readers refuse it; it was not read"),)
        return (Remark(f"{asks}: readers need not support more than 8 MiB", severity=Severity.INFO),)

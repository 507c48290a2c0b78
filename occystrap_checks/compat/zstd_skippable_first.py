"""zstd layers that begin with a frame without content."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
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
from occystrap_core.model.targets import Target


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="zstd-skippable-first",
        summary="zstd layers begin with content",
        implementation="occystrap_checks.compat.zstd_skippable_first:ZstdSkippableFirst",
        severity=Severity.WARNING,
        needs=Needs.LAYERS,
        why="Engines tell zstd by its first bytes. Those of a skippable frame are others, which older engines take for "
        "an uncompressed layer: containerd before 1.6, Docker before 23.0. With --targets only named engines count.",
        example="A layer compressed by pzstd.",
        remedy="Compress the layer with zstd itself, or let `occystrap process` write it anew.",
    )


class ZstdSkippableFirst(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return FirstFrame(self.context.targets)


class FirstFrame(LayerExamination):
    def __init__(self, targets: tuple[Target, ...]) -> None:
        self._targets = targets

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.skippable_first:
            return
        frames, text = feature("zstd-skippable-first"), "the layer begins with a skippable zstd frame"
        told = {engine for engine, _ in feature("zstd").refusals(self._targets)}
        if not self._targets:
            yield Remark(f"{text}, which takes {frames.in_words()}")
        for engine, reason in frames.refusals(self._targets):
            if engine not in told:
                yield Remark(f"{text}: {reason}", severity=Severity.ERROR)

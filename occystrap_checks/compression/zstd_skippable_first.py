"""Zstd data that begins with a skippable frame."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.layer_causes import is_sound
from occystrap_checks.wording import NOTHING
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


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="zstd-skippable-first",
        summary="zstd layers begin with a frame that has content",
        implementation="occystrap_checks.compression.zstd_skippable_first:ZstdSkippableFirst",
        severity=Severity.WARNING,
        needs=Needs.LAYERS,
        why="Docker before 23.0 and containerd before 1.6 look for the magic number of a zstd frame at the very "
        "beginning: a skippable frame there makes them take the layer for something else.",
        example="A compressor that writes its table of contents in front of the data.",
        remedy="Write the skippable frame at the end of the layer, as zstd:chunked does.",
    )


class ZstdSkippableFirst(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return FirstFrame()


class FirstFrame(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not is_sound(facts) or not facts.skippable_first:
            return NOTHING
        return (Remark("the layer begins with a skippable zstd frame"),)

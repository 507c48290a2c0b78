"""Layers that are no tar archives."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.layer_causes import foreign_compression, is_nothing_known
from occystrap_checks.wording import NOTHING, counted
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
    Stage,
    hookimpl,
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="tar-format",
        summary="every layer is a tar archive that Go can read",
        implementation="occystrap_checks.tar.tar_format:TarFormat",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="Docker, containerd and Podman unpack layers with Go's archive/tar. An archive that it refuses cannot "
        "be run, whatever other tar programs make of it.",
        example="A layer cut off by a full disk, or a zip file with a layer's media type.",
        remedy="Make the layer again, with GNU tar --format=posix or with a builder.",
    )


class TarFormat(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Archive()


class Archive(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic or facts.damage is None or facts.stage is not Stage.ARCHIVE:
            return NOTHING
        if foreign_compression(facts) or is_nothing_known(facts):
            return NOTHING
        return (Remark(f"after {counted(facts.entries, 'entry')}: {facts.damage.message}"),)

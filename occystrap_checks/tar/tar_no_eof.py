"""Archives without their end."""

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
        name="tar-no-eof",
        summary="the archive of a layer has an end",
        implementation="occystrap_checks.tar.tar_no_eof:TarNoEof",
        severity=Severity.WARNING,
        needs=Needs.LAYERS,
        why="Two blocks of zeros end a tar archive. Without them nobody can tell whether something is missing, "
        "and strict readers refuse it.",
        example="A program that never closed its tar writer.",
        remedy="Close the archive properly where it is made.",
    )


class TarNoEof(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return End()


class End(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not is_sound(facts) or facts.has_end or not facts.unpacked:
            return NOTHING
        return (Remark("the archive does not end with two blocks of zeros"),)

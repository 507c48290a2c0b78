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
        why="Two blocks of zeros end a tar archive. Without them the archive cannot tell whether something is missing, "
        "and strict readers refuse it. Where the config knows the layer by this very content, as it does of layers "
        "that `umoci insert` makes, nothing is missing, and it is said as info only.",
        example="A program that never closed its tar writer, in an image whose config does not name the layer.",
        remedy="Close the archive properly where it is made.",
    )


class TarNoEof(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return End()


class End(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not is_sound(facts) or facts.has_end or not facts.unpacked:
            return NOTHING
        is_meant = facts.diff_id is not None and facts.diff_id == facts.layer.diff_id
        return (
            Remark("the archive does not end with two blocks of zeros", severity=Severity.INFO if is_meant else None),
        )

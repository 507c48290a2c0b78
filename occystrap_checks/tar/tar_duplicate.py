"""Paths that one layer has twice."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

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
    Where,
    hookimpl,
    shown,
)
from occystrap_core.model.repeats import repeats


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="tar-duplicate",
        summary="no layer has two entries of one path",
        implementation="occystrap_checks.tar.tar_duplicate:TarDuplicate",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="The specification forbids it, and Docker's image store refuses the layer (\"duplicates of file paths "
        'not supported"). Elsewhere the last entry wins, or the first.',
        example="tar -rf layer.tar etc/motd, with etc/motd in it already; ./etc/motd counts as the same path.",
        remedy="Make the archive from a directory in one go; with tar, leave out -r and -u.",
    )


class TarDuplicate(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Duplicates()


class Duplicates(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic or facts.listing is None:
            return
        for number in facts.listing.repeated():
            path = shown(facts.listing.path(number) or b"/")
            yield Remark(f"{path} is in the layer twice", Where(entry=path))
        deleted = facts.listing.whiteouts
        for place in repeats(array("q", map(hash, deleted))):
            path = shown(deleted[place])
            yield Remark(f"the whiteout of {path} is in the layer twice", Where(entry=path))

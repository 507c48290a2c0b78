"""Names that fill their field to the last byte."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, Tally, counted
from occystrap_core.contracts import (
    CheckSpec,
    Entry,
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

_BLOCK = 512
_LAST_OF_NAME, _LAST_OF_LINK, _PREFIX = 99, 256, 345


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="name-truncated",
        summary="no name may have been cut to fit its header",
        implementation="occystrap_checks.tar.name_truncated:NameTruncated",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="A plain tar header has room for 100 bytes. Old programs cut longer names there without a word, so a "
        "name of exactly that length may be the beginning of another.",
        example="tar --format=v7 of a deep tree",
        remedy="Compare with the file's real name; write archives with --format=posix.",
    )


class NameTruncated(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return FullFields()


class FullFields(LayerExamination):
    def __init__(self) -> None:
        self._full = Tally()

    def entry(self, entry: Entry) -> Iterable[Remark]:
        raw = entry.raw
        if (raw[_LAST_OF_NAME] or raw[_LAST_OF_LINK]) and len(raw) == _BLOCK and not raw[_PREFIX]:
            self._full.add(entry.path)
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not self._full.count or not facts.is_authentic:
            return NOTHING
        return (
            self._full.remark(
                f"{counted(self._full.count, 'name')} exactly as long as the header has room: {self._full}"
            ),
        )

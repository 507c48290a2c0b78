"""Names that are not plain Unicode."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from occystrap_checks.wording import Tally, counted
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

_SUSPECT = re.compile(rb"[\x01-\x1f\x7f-\xff]")
_TURNS = frozenset("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="name-encoding",
        summary="names are printable, composed UTF-8",
        implementation="occystrap_checks.tar.name_encoding:NameEncoding",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Names that are not UTF-8 cannot be stored on macOS and Windows, nor spelled in JSON; decomposed ones "
        "look the same and are others; control characters drive terminals that list them, and those that turn the "
        "line around show one name as another.",
        example="touch \"$(printf 'caf\\351')\", or a layer made on a Mac",
        remedy="Rename the files before they are packed.",
    )


class NameEncoding(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Names()


class Names(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic or facts.listing is None:
            return
        faults: dict[str, Tally] = {}
        for number in facts.listing.matching(_SUSPECT):
            path = facts.listing.path(number)
            if fault := _fault(path):
                faults.setdefault(fault, Tally()).add(path)
        for fault, tally in faults.items():
            yield tally.remark(f"{counted(tally.count, 'name')} {fault}: {tally}")


def _fault(path: bytes) -> str:
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return "not in UTF-8"
    if any(unicodedata.category(char) == "Cc" for char in text):
        return "with control characters"
    if not _TURNS.isdisjoint(text):
        return "with characters that turn the direction of the line, or break it"
    return "" if unicodedata.is_normalized("NFC", text) else "in decomposed Unicode"

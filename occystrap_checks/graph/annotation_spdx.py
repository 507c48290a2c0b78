"""The annotation that says under which licences the content of an image is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from occystrap_checks.graph.annotation_keys import PREFIX
from occystrap_checks.lenient import annotated
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl, shown

_KEY = PREFIX + "licenses"
_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<joint>AND|OR|WITH)\b(?![-.])|(?P<name>[A-Za-z0-9.:-]+\+?))\s*"
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="annotation-spdx",
        summary="the annotation licenses is an SPDX expression",
        implementation="occystrap_checks.graph.annotation_spdx:AnnotationSpdx",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Licence scanners read the annotation as an SPDX expression and skip what they cannot parse.",
        example='"org.opencontainers.image.licenses": "Apache License 2.0, MIT"',
        remedy='Use SPDX identifiers joined by AND, OR and WITH: "Apache-2.0 AND MIT".',
    )


class AnnotationSpdx(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for what, where, noted in annotated(document):
            value = noted.get(_KEY)
            if isinstance(value, str) and value and not is_expression(value):
                yield Remark(f"the annotation {_KEY} of {what} is '{shown(value)}', no SPDX expression", where)


def is_expression(text: str) -> bool:
    """Names and joints take turns, and every bracket is closed; the names themselves are not looked up."""
    depth, place, wants_name = 0, 0, True
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            return False
        place, kind = found.end(), found.lastgroup
        if wants_name != (kind in ("name", "open")):
            return False
        depth += {"open": 1, "close": -1}.get(kind or "", 0)
        if depth < 0:
            return False
        wants_name = kind in ("open", "joint")
    return not wants_name and depth == 0

"""Numbers that readers do not agree on."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.json_faults import faults_of
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="json-number",
        summary="numbers are whole and below 2^53",
        implementation="occystrap_checks.graph.json_number:JsonNumber",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Images know whole numbers only: a fraction or an exponent fails in typed readers, and beyond 2^53 readers "
        "that keep floats see another number.",
        example='{"mediaType": "…", "digest": "sha256:…", "size": 1.5e3}',
        remedy="Write sizes and durations as whole numbers, without a fraction or an exponent.",
    )


class JsonNumber(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for digits in faults_of(document).numbers[:10]:
            yield Remark(f"the {document.role} holds the number {shown(digits)}, which readers do not agree on")

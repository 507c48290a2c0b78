"""Documents that are not the JSON every reader reads."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.json_faults import faults_of
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="json-syntax",
        summary="documents are plain JSON objects in UTF-8",
        implementation="occystrap_checks.graph.json_syntax:JsonSyntax",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Readers disagree about byte order marks, bytes after the end, NaN, bad UTF-8 and very deep nesting: one "
        "runs what the next refuses.",
        example="A config.json saved by an editor that begins it with a byte order mark, or a manifest with a comma "
        "after its last field.",
        remedy="Write the document with a JSON library, without a byte order mark and with nothing after the last "
        "brace.",
    )


class JsonSyntax(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        fault = faults_of(document).syntax
        return (Remark(f"the {document.role} {shown(fault)}"),) if fault else ()

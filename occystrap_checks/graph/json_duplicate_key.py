"""Keys that stand twice in one JSON object."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.json_faults import faults_of
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="json-duplicate-key",
        summary="no key stands twice in one JSON object",
        implementation="occystrap_checks.graph.json_duplicate_key:JsonDuplicateKey",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Some readers take the first, some the last, and Go's takes keys of another case for the same: a scanner "
        "can be shown another image than the engine runs.",
        example='{"layers": [A], "Layers": [B]}',
        remedy="Keep one of the two; treat the image as an attack until you know who wrote it.",
    )


class JsonDuplicateKey(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for first, second in faults_of(document).repeated[:10]:
            if first == second:
                yield Remark(f"the {document.role} has the key '{shown(first)}' twice in one object")
            else:
                yield Remark(
                    f"the {document.role} has the keys '{shown(first)}' and '{shown(second)}' in one object, "
                    "which are one to readers in Go"
                )

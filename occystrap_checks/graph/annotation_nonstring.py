"""Annotations and labels that are no text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.lenient import as_written, descriptors, run_settings
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    FoundDocument,
    Needs,
    Remark,
    Role,
    Severity,
    Where,
    hookimpl,
    shown,
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="annotation-nonstring",
        summary="annotations and labels are text",
        implementation="occystrap_checks.graph.annotation_nonstring:AnnotationNonstring",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Typed readers fail on the whole document when a value is a number, true or null.",
        example='"annotations": {"com.example.build": 42}',
        remedy='Quote the value: {"com.example.build": "42"}.',
    )


class AnnotationNonstring(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is Role.CONFIG:
            yield from _faults("label", "the config", Where(), run_settings(document).get("Labels"))
            return
        yield from _faults("annotation", f"the {document.role}", Where(), (document.json or {}).get("annotations"))
        for what, where, descriptor in descriptors(document):
            yield from _faults("annotation", what, where, descriptor.get("annotations"))


def _faults(kind: str, owner: str, where: Where, found: object) -> Iterator[Remark]:
    if found is None:
        return
    if not isinstance(found, dict):
        yield Remark(f"the {kind}s of {owner} are {as_written(found)} instead of an object", where)
        return
    for key, value in found.items():
        if not isinstance(value, str):
            yield Remark(f"the {kind} '{shown(key)}' of {owner} is {as_written(value)}, which is no text", where)

"""Annotation keys that belong to the specification."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.annotation_keys import DEFINED, RESERVED
from occystrap_checks.lenient import annotated
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="annotation-reserved",
        summary="annotations named org.opencontainers.* are ones that the specification defines",
        implementation="occystrap_checks.graph.annotation_reserved:AnnotationReserved",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="The prefix is reserved: a misspelled key (license, author) is read by nobody, an invented one may mean "
        "something else tomorrow.",
        example='"annotations": {"org.opencontainers.image.license": "MIT"}',
        remedy="Use the defined key (org.opencontainers.image.licenses, …authors), or a prefix of your own domain.",
    )


class AnnotationReserved(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for what, where, noted in annotated(document):
            for key in noted:
                if key.startswith(RESERVED) and key not in DEFINED:
                    yield Remark(f"the annotation '{shown(key)}' of {what} is reserved and not defined", where)

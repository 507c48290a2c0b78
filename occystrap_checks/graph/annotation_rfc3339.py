"""The annotation that says when an image was made."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.annotation_keys import PREFIX
from occystrap_checks.lenient import annotated
from occystrap_checks.timestamp import seconds_of
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl, shown

_KEYS = (PREFIX + "created", "org.opencontainers.artifact.created")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="annotation-rfc3339",
        summary="the annotation org.opencontainers.image.created is a time by RFC 3339",
        implementation="occystrap_checks.graph.annotation_rfc3339:AnnotationRfc3339",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Tools that sort or expire images by this annotation cannot read any other form.",
        example='"org.opencontainers.image.created": "2024-05-01 10:00"',
        remedy="Write it as 2024-05-01T10:00:00Z: `date -u +%Y-%m-%dT%H:%M:%SZ`.",
    )


class AnnotationRfc3339(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for what, where, noted in annotated(document):
            for key in _KEYS:
                value = noted.get(key)
                if isinstance(value, str) and value and seconds_of(value) is None:
                    yield Remark(f"the annotation {key} of {what} is '{shown(value)}', no time by RFC 3339", where)

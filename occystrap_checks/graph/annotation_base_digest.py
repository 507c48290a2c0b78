"""The annotation that names the base image."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.annotation_keys import PREFIX
from occystrap_checks.lenient import annotated, as_digest
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl, shown

_KEY = PREFIX + "base.digest"


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="annotation-base-digest",
        summary="the annotation base.digest is a digest",
        implementation="occystrap_checks.graph.annotation_base_digest:AnnotationBaseDigest",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Tools that rebuild an image when its base has changed compare this digest; another text never matches.",
        example='"org.opencontainers.image.base.digest": "debian@sha256:…"',
        remedy="Write the bare digest (sha256:…) here and the name into org.opencontainers.image.base.name.",
    )


class AnnotationBaseDigest(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for what, where, noted in annotated(document):
            value = noted.get(_KEY)
            if isinstance(value, str) and value and as_digest(value) is None:
                yield Remark(f"the annotation {_KEY} of {what} is '{shown(value)}', which is no digest", where)

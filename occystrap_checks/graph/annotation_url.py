"""Annotations that should be addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from occystrap_checks.graph.annotation_keys import PREFIX
from occystrap_checks.lenient import annotated
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl, shown

_KEYS = tuple(PREFIX + name for name in ("url", "documentation", "source"))
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/]\S*")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="annotation-url",
        summary="the annotations url, documentation and source are URLs",
        implementation="occystrap_checks.graph.annotation_url:AnnotationUrl",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Registries link these addresses and connect an image with its repository by them; what is no URL links "
        "nothing.",
        example='"org.opencontainers.image.source": "git@github.com:example/thing.git"',
        remedy="Write the whole address with its scheme: https://github.com/example/thing.",
    )


class AnnotationUrl(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for what, where, noted in annotated(document):
            for key in _KEYS:
                value = noted.get(key)
                if isinstance(value, str) and value and not _URL.fullmatch(value):
                    yield Remark(f"the annotation {key} of {what} is '{shown(value)}', which is no URL", where)

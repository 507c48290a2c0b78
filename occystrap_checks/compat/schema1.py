"""Manifests of schema version 1, and who still reads them."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
from occystrap_checks.lenient import media_type_of
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl
from occystrap_core.model.media_types import DOCKER_SCHEMA1


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="schema1",
        summary="the manifest is not of schema version 1",
        implementation="occystrap_checks.compat.schema1:Schema1",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Docker stopped pulling schema 1 in 28.2 and containerd in 2.1. With --targets the finding is an error "
        "where a named engine refuses it.",
        example="An image that docker before 1.10 pushed, or that a registry converted for an old client.",
        remedy="Pull it with an engine that still can and push it again, or copy it with skopeo copy --format v2s2.",
    )


class Schema1(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is not Role.MANIFEST or document.json is None:
            return
        is_old = document.json.get("schemaVersion") == 1 or media_type_of(document) in DOCKER_SCHEMA1
        if not is_old:
            return
        schema1, text = feature("schema1"), "the manifest is of schema version 1"
        if not self.context.targets:
            yield Remark(f"{text}, which takes {schema1.in_words()}")
        for _, reason in schema1.refusals(self.context.targets):
            yield Remark(f"{text}: {reason}", severity=Severity.ERROR)

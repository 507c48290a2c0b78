"""The schema version of manifests and indexes."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.artifact_manifest_removed import REMOVED
from occystrap_checks.lenient import as_written, media_type_of
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    FoundDocument,
    Needs,
    Remark,
    Role,
    Severity,
    hookimpl,
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="schema-version",
        summary="manifests and indexes say schemaVersion 2",
        implementation="occystrap_checks.graph.schema_version:SchemaVersion",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Every engine reads schema version 2. Version 1 is refused by current ones, and a document without "
        "a version by strict ones.",
        example='A manifest that begins with {"schemaVersion": 1, "fsLayers": …}, as docker before 1.10 pushed them.',
        remedy="Push the image again with a current docker, podman, skopeo or occystrap.",
    )


class SchemaVersion(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is Role.CONFIG or document.json is None or media_type_of(document) == REMOVED:
            return ()
        version = document.json.get("schemaVersion")
        if version == 2 and isinstance(version, int):
            all_is_well = Remark("schemaVersion is 2", severity=Severity.INFO)
            return (all_is_well,) if document.role is not Role.LAYOUT else ()
        if version is None:
            return (Remark(f"the {document.role} has no schemaVersion; it must be 2"),)
        return (Remark(f"the {document.role} has schemaVersion {as_written(version)}; it must be 2"),)

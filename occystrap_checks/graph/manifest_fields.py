"""The shape of manifests and indexes."""

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
from occystrap_core.model.media_types import DOCKER_SCHEMA1


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="manifest-fields",
        summary="a manifest lists its layers, an index its manifests",
        implementation="occystrap_checks.graph.manifest_fields:ManifestFields",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="A list that is missing or something else makes readers fail, or see an image without content.",
        example='{"schemaVersion": 2, "config": {…}, "layers": null}',
        remedy="Build or push the image again; an image without layers has an empty list.",
    )


class ManifestFields(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        json = document.json
        if document.role is Role.CONFIG or json is None:
            return ()
        if media_type_of(document) in DOCKER_SCHEMA1 | {REMOVED} or json.get("schemaVersion") == 1:
            return ()
        key = "manifests" if document.role in (Role.INDEX, Role.LAYOUT) else "layers"
        if isinstance(json.get(key), list):
            is_empty = document.role is Role.INDEX and not json[key]
            return (Remark("the index lists no manifest", severity=Severity.INFO),) if is_empty else ()
        if key not in json:
            return (Remark(f"the {document.role} has no {key}"),)
        return (Remark(f"the {document.role}'s {key} are {as_written(json[key])} instead of a list"),)

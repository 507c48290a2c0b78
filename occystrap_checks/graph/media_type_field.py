"""What a document says it is, against what it is said to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from occystrap_checks.graph.artifact_manifest_removed import REMOVED
from occystrap_checks.lenient import as_text, as_written
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    FoundDocument,
    Needs,
    Remark,
    Role,
    Severity,
    hookimpl,
    shown,
)
from occystrap_core.model.media_types import DOCKER_SCHEMA1, INDEXES, MANIFESTS

_WITH_RULES_OF_THEIR_OWN = DOCKER_SCHEMA1 | {REMOVED}


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="media-type-field",
        summary="a document is of the media type that it, its descriptor and the server say",
        implementation="occystrap_checks.graph.media_type_field:MediaTypeField",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Where the sayings differ, one client reads a manifest and another an index from the same digest "
        "(CVE-2021-41190); containerd, podman and umoci refuse such documents.",
        example="An index entry of an OCI type for a manifest whose mediaType is Docker's.",
        remedy="Write the index again with the media types that its manifests have, or convert them all with "
        "`occystrap process`.",
    )


class MediaTypeField(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is Role.CONFIG or document.json is None:
            return ()
        return tuple(Remark(fault) for fault in _faults(document.json, document))


def _faults(json: Mapping[str, Any], document: FoundDocument) -> Iterator[str]:
    embedded, declared = json.get("mediaType"), as_text(document.reference.get("mediaType")) or document.declared
    if embedded is not None and not isinstance(embedded, str):
        yield f"the {document.role} has {as_written(embedded)} as its mediaType, which is no text"
        return
    if embedded and declared and embedded != declared:
        who = "its descriptor says" if document.reference else "its source says"
        yield f"the {document.role} calls itself {shown(embedded)}, {who} {shown(declared)}"
        return
    media_type = embedded or declared
    if not media_type or media_type in _WITH_RULES_OF_THEIR_OWN or json.get("schemaVersion") == 1:
        return
    if media_type not in INDEXES | MANIFESTS:
        yield f"the {document.role} is of type {shown(media_type)}, which is neither an image manifest nor an index"
    elif media_type in INDEXES and "manifests" not in json:
        yield f"the {document.role} is declared as {media_type} but has no manifests"
    elif media_type in MANIFESTS and "manifests" in json and "layers" not in json and "config" not in json:
        yield f"the {document.role} is declared as {media_type} but has manifests instead of layers"

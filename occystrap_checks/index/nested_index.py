"""Indexes inside indexes."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_list, as_object, as_text
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl
from occystrap_core.model.media_types import INDEXES


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="nested-index",
        summary="an index lists images, no further indexes",
        implementation="occystrap_checks.index.nested_index:NestedIndex",
        severity=Severity.INFO,
        needs=Needs.DOCUMENTS,
        why="The specification allows it, but docker and podman look one level deep and find no image below.",
        example="An OCI layout whose index.json lists an index with several images.",
        remedy="Nothing to do in an OCI layout; in a registry list the images in one index.",
    )


class NestedIndex(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is not Role.INDEX:
            return
        for number, entry in enumerate(as_list(as_object(document.json).get("manifests"))):
            if as_text(as_object(entry).get("mediaType")) in INDEXES:
                yield Remark(f"entry {number + 1} of the index is an index itself")

"""Attestations of images that are no longer there."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_list, as_object
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
from occystrap_core.model.image import ATTESTED_DIGEST


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="attestation-orphan",
        summary="an attestation in an index is about an image of that index",
        implementation="occystrap_checks.index.attestation_orphan:AttestationOrphan",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Nobody finds the attestation any more, and the image that was put in the place of the attested one "
        "has none.",
        example="An index of docker buildx from which a platform was removed without its unknown/unknown entry.",
        remedy="Remove the entry together with its image, or build again with --provenance and --sbom.",
    )


class AttestationOrphan(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is not Role.INDEX:
            return
        entries = [as_object(entry) for entry in as_list(as_object(document.json).get("manifests"))]
        listed = {str(entry.get("digest")) for entry in entries}
        for number, entry in enumerate(entries):
            attested = as_object(entry.get("annotations")).get(ATTESTED_DIGEST)
            if attested is not None and str(attested) not in listed:
                yield Remark(f"entry {number + 1} attests {shown(attested)}, which the index does not list")

"""Manifests that an index lists and its source does not have."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.index.platform_names import written_platform
from occystrap_checks.lenient import as_object
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl
from occystrap_core.model.errors import NotFound
from occystrap_core.model.image import ATTESTED_DIGEST


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="index-child-missing",
        summary="every manifest that an index lists is there",
        implementation="occystrap_checks.index.index_child_missing:IndexChildMissing",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Pulls for that platform fail, and copying the whole index fails for all of them.",
        example="skopeo copy --multi-arch=index-only, or a registry that expired an untagged manifest.",
        remedy="Copy the missing image, too, or write an index of those that are there "
        "(`--platform` of `occystrap process`).",
    )


class IndexChildMissing(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        is_child = document.role is not Role.CONFIG and document.where.index
        if not is_child or document.raw is not None or not isinstance(document.trouble, NotFound):
            return ()
        reference = document.reference
        attests = ATTESTED_DIGEST in as_object(reference.get("annotations"))
        platform = str(written_platform(reference.get("platform")))
        name = "an attestation" if attests else f"the image for {platform}" if platform else "a manifest"
        severity = Severity.WARNING if attests or reference.get("artifactType") else None
        return (Remark(f"{name} that the index lists is missing: {document.trouble.message}", severity=severity),)

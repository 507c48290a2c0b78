"""The digests of manifests and indexes."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_digest
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl
from occystrap_core.model.digest import Digest


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="manifest-digest",
        summary="manifests and indexes have the digests they are known by",
        implementation="occystrap_checks.graph.manifest_digest:ManifestDigest",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Pulls by digest and signatures hang on it: a manifest with other bytes is refused, or is not the one "
        "that was signed.",
        example="A registry proxy that formats the JSON of manifests anew.",
        remedy="Fetch or push the image again from where it is intact; find out what changed the bytes.",
    )


class ManifestDigest(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is Role.CONFIG or document.raw is None:
            return ()
        wanted = as_digest(document.reference.get("digest") or document.where.manifest)
        if wanted is None or wanted.matches(document.raw):
            return ()
        found = Digest.of(document.raw, wanted.algorithm)
        return (Remark(f"the {document.role} has the digest {found}, it should have {wanted}"),)

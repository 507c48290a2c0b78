"""Attestations, on engines that lose them."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.compat.features import feature
from occystrap_checks.lenient import as_list, as_object
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl
from occystrap_core.model.image import ATTESTED_DIGEST
from occystrap_core.model.targets import version_text


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="attestation-compat",
        summary="the targets keep the attestations of an image",
        implementation="occystrap_checks.compat.attestation_compat:AttestationCompat",
        severity=Severity.INFO,
        needs=Needs.DOCUMENTS,
        why="Docker before 29.1 drops provenance and bills of materials when it pulls, saves or loads an image: what "
        "it pushes on has none. Judged for named targets.",
        example='occystrap check --targets "docker>=27" on an image of docker buildx build --provenance=true',
        remedy="Move such images with occystrap, skopeo or oras instead of docker pull and push.",
    )


class AttestationCompat(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is not Role.INDEX or not _has_attestations(document):
            return
        oldest = dict(self.context.targets)
        for engine, _ in feature("attestation").refusals(self.context.targets):
            yield Remark(
                f"the index has attestations, which {engine} {version_text(oldest[engine], engine)} does not keep"
            )


def _has_attestations(index: FoundDocument) -> bool:
    entries = as_list(as_object(index.json).get("manifests"))
    return any(ATTESTED_DIGEST in as_object(as_object(entry).get("annotations")) for entry in entries)

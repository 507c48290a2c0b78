"""Manifests that registries do not take."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.document_length import MOST, length_of
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="manifest-too-big",
        summary="manifests and indexes are at most 4 MiB",
        implementation="occystrap_checks.graph.manifest_too_big:ManifestTooBig",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="The reference registry and podman, skopeo and cri-o refuse manifests over 4 MiB; the specification asks "
        "registries for no more.",
        example="A manifest with a bill of materials in its annotations.",
        remedy="Put large texts into a blob that the manifest names, or into an artifact that refers to the image.",
    )


class ManifestTooBig(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        length = length_of(document)
        if document.role is Role.CONFIG or length <= MOST:
            return ()
        return (Remark(f"the {document.role} is {length} bytes long; registries take {MOST}"),)

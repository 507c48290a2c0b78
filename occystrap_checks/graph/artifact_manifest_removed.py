"""The artifact manifest that was taken out of the specification again."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_object, descriptors
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl

REMOVED = "application/vnd.oci.artifact.manifest.v1+json"


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="artifact-manifest-removed",
        summary="nothing is an OCI artifact manifest",
        implementation="occystrap_checks.graph.artifact_manifest_removed:ArtifactManifestRemoved",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="The type existed in release candidates of image-spec 1.1 only. Registries and clients dropped it.",
        example=f'{{"mediaType": "{REMOVED}", "blobs": […]}}',
        remedy="Push the artifact again with a current client: today it is an image manifest with an artifactType.",
    )


class ArtifactManifestRemoved(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is Role.CONFIG:
            return
        if as_object(document.json).get("mediaType") == REMOVED:
            yield Remark(f"the manifest is of the removed type {REMOVED}")
        for what, where, descriptor in descriptors(document):
            if document.role is Role.INDEX and descriptor.get("mediaType") == REMOVED:
                yield Remark(f"{what} of the index is of the removed type {REMOVED}", where)

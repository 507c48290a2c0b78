"""Which of the two families of media types an image is written in: OCI."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import media_type_of
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl
from occystrap_core.model.media_types import OCI_INDEX, OCI_MANIFEST


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="oci-media-type",
        summary="the image is written in OCI media types",
        implementation="occystrap_checks.graph.oci_media_type:OciMediaType",
        severity=Severity.INFO,
        needs=Needs.DOCUMENTS,
        why="OCI images are read by every current engine, but not by Docker before 18.09 and some old registries.",
        example="An image of `docker buildx build --output type=oci`, buildah or ko.",
        remedy="Nothing to do; `--targets` tells where such an image cannot be used.",
    )


class OciMediaType(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        media_type = media_type_of(document)
        if document.role not in (Role.CONFIG, Role.LAYOUT) and media_type in (OCI_MANIFEST, OCI_INDEX):
            return (Remark(f"the {document.role} is an OCI one ({media_type})"),)
        return ()

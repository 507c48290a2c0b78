"""Which of the two families of media types an image is written in: Docker's."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import media_type_of
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl
from occystrap_core.model.media_types import DOCKER_LIST, DOCKER_MANIFEST


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="docker-media-type",
        summary="the image is written in Docker media types",
        implementation="occystrap_checks.graph.docker_media_type:DockerMediaType",
        severity=Severity.INFO,
        needs=Needs.DOCUMENTS,
        why="Docker's own types (version 2, schema 2) are read everywhere, but cannot hold annotations.",
        example="An image of `docker push` with the classic image store.",
        remedy="Nothing to do.",
    )


class DockerMediaType(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        media_type = media_type_of(document)
        if document.role not in (Role.CONFIG, Role.LAYOUT) and media_type in (DOCKER_MANIFEST, DOCKER_LIST):
            return (Remark(f"the {document.role} is a Docker v2 one ({media_type})"),)
        return ()

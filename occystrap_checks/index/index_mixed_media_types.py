"""Indexes whose images are of the other family."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_list, as_object, as_text, media_type_of
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl
from occystrap_core.model.media_types import DOCKER_SCHEMA1, INDEXES, MANIFESTS, Family, family_of

_OTHER = {Family.OCI: ("an OCI index", "Docker"), Family.DOCKER: ("a Docker manifest list", "OCI")}


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="index-mixed-media-types",
        summary="an index and its manifests are of one family of media types",
        implementation="occystrap_checks.index.index_mixed_media_types:IndexMixedMediaTypes",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="The specification leaves open whether that is allowed, and some registries refuse such an index.",
        example="docker buildx imagetools create of an image pushed by docker and one pushed by buildah.",
        remedy="Convert the images to one family, for example with skopeo copy --format oci, and list them again.",
    )


class IndexMixedMediaTypes(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        family = family_of(media_type_of(document))
        if document.role is not Role.INDEX or family is None:
            return ()
        entries = [as_text(as_object(entry).get("mediaType")) for entry in _entries(document)]
        others = [
            str(number)
            for number, media_type in enumerate(entries, 1)
            if media_type in MANIFESTS | INDEXES | DOCKER_SCHEMA1 and family_of(media_type) is not family
        ]
        if not others:
            return ()
        index, other = _OTHER[family]
        return (Remark(f"{index} lists {other} manifests ({_numbers(others)})"),)


def _entries(document: FoundDocument) -> list[object]:
    return as_list(as_object(document.json).get("manifests"))


def _numbers(numbers: list[str]) -> str:
    shown = ", ".join(numbers[:8]) + (" …" if len(numbers) > 8 else "")
    return f"{'entry' if len(numbers) == 1 else 'entries'} {shown}"

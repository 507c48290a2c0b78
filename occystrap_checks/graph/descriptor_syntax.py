"""Descriptors that lack a field or have one of the wrong form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from occystrap_checks.lenient import as_list, as_written, descriptors, is_whole_number
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    FoundDocument,
    Needs,
    Remark,
    Role,
    Severity,
    hookimpl,
)
from occystrap_core.model.digest import HEX_LENGTHS

_DIGEST = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[+._-][a-z0-9]+)*):(?P<encoded>[a-zA-Z0-9=_-]+)")
_HEX = re.compile("[0-9a-f]+")
_LISTS = ("layers", "manifests", "blobs")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="descriptor-syntax",
        summary="descriptors have a media type, a digest and a size, each well-formed",
        implementation="occystrap_checks.graph.descriptor_syntax:DescriptorSyntax",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="What a descriptor leaves out or misspells cannot be fetched or verified; readers fail on it, each in its "
        "own way.",
        example='{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:ABC", "size": "12"}',
        remedy="Write the document again with the tool that made it; digests are lower-case hex, sizes whole numbers.",
    )


class DescriptorSyntax(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is Role.CONFIG or document.json is None:
            return
        for key in _LISTS:
            for number, found in enumerate(as_list(document.json.get(key))):
                if not isinstance(found, Mapping):
                    text = (
                        f"number {number + 1} of the {document.role}'s {key} is no descriptor but {as_written(found)}"
                    )
                    yield Remark(text)
        for what, where, descriptor in descriptors(document):
            for fault in _faults(descriptor):
                yield Remark(f"{what} of the {document.role} {fault}", where)
            if not descriptor.get("digest") and what != "the config":
                yield Remark(f"{what} of the {document.role} has no digest", where)


def _faults(descriptor: Mapping[str, Any]) -> Iterator[str]:
    media_type, size = descriptor.get("mediaType"), descriptor.get("size")
    if not isinstance(media_type, str) or not media_type:
        yield "has no mediaType" if not media_type else f"has the mediaType {as_written(media_type)}, which is no text"
    if size is None:
        yield "has no size"
    elif not is_whole_number(size):
        yield f"has the size {as_written(size)}, which is no whole number"
    digest = descriptor.get("digest")
    if digest and not _is_digest(digest):
        yield f"has {as_written(digest)} as its digest, which is none"


def _is_digest(text: object) -> bool:
    found = _DIGEST.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return False
    length = HEX_LENGTHS.get(found["algorithm"])
    return length is None or (len(found["encoded"]) == length and _HEX.fullmatch(found["encoded"]) is not None)

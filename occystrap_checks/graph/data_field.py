"""Content that stands in its own descriptor."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from occystrap_checks.lenient import as_digest, as_written, descriptors
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="data-field",
        summary="a descriptor's data is the content that its digest names",
        implementation="occystrap_checks.graph.data_field:DataField",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Clients may use the data instead of fetching the blob, so that other data means another content for them.",
        example='{"mediaType": "application/vnd.oci.empty.v1+json", "digest": "sha256:44136fa3…", "size": 2, '
        '"data": "e30K"}',
        remedy="Encode exactly the blob's bytes in base64, or leave the field out.",
    )


class DataField(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for what, where, descriptor in descriptors(document):
            fault = _fault(descriptor)
            if fault:
                yield Remark(f"the data of {what} of the {document.role} {fault}", where)


def _fault(descriptor: Mapping[str, Any]) -> str:
    data = descriptor.get("data")
    if data is None:
        return ""
    try:
        content = binascii.a2b_base64(data, strict_mode=True) if isinstance(data, str) else None
    except (binascii.Error, ValueError):
        content = None
    if content is None:
        return f"is not base64: {as_written(data)}"
    digest = as_digest(descriptor.get("digest"))
    if len(content) != descriptor.get("size"):
        return f"is {len(content)} bytes long, its size says {as_written(descriptor.get('size'))}"
    return f"is not the content of {digest}" if digest and not digest.matches(content) else ""

"""Sizes below zero."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import descriptors, is_whole_number
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="size-negative",
        summary="no descriptor has a negative size",
        implementation="occystrap_checks.graph.size_negative:SizeNegative",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Sizes are signed in most readers, and a negative one means 'do not check' to some of them: a way around "
        "limits and verification.",
        example='{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:…", "size": -1}',
        remedy="Write the manifest again with the real size.",
    )


class SizeNegative(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        for what, where, descriptor in descriptors(document):
            size = descriptor.get("size")
            if is_whole_number(size) and size < 0:
                yield Remark(f"{what} of the {document.role} has the size {size}", where)

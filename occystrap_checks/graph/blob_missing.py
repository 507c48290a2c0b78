"""Blobs that the image names and its source does not have."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_text
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    FoundDocument,
    ImageUnderCheck,
    Needs,
    Remark,
    Role,
    Severity,
    Where,
    hookimpl,
    shown,
)
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import NotFound
from occystrap_core.model.image import TITLE


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="blob-missing",
        summary="the source has every blob that the image names",
        implementation="occystrap_checks.graph.blob_missing:BlobMissing",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="An image whose layer or config is gone cannot be pulled, although its tag and manifest are there.",
        example="A registry whose garbage collection ran while the image was pushed, or an OCI layout copied in part.",
        remedy="Push the image again from where it is whole. Some clients skip layers that they believe are there: "
        "push with a fresh layer cache.",
    )


class BlobMissing(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        is_child = document.role is not Role.CONFIG and document.where.index
        if document.raw is None and isinstance(document.trouble, NotFound) and not is_child:
            return (Remark(f"the {document.role} is missing: {document.trouble.message}"),)
        return ()

    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        has_blob = self.context.has_blob
        if has_blob is None:
            return
        layers = [(layer.position, layer.descriptor) for layer in image.layers if layer.descriptor]
        layers = [(position, descriptor) for position, descriptor in layers if not descriptor.extra.get("urls")]
        if self.context.expect_blobs:
            self.context.expect_blobs([descriptor for _, descriptor in layers])
        for position, descriptor in layers:
            where, digest = Where(layer=position), descriptor.digest
            if has_blob(descriptor) is False:
                title = as_text(descriptor.annotations.get(TITLE))
                yield Remark(f"the source has no blob {digest}{f', {shown(title)}' if title else ''}", where)
            elif (length := self._length_of(descriptor)) not in (None, descriptor.size):
                yield Remark(f"the source has {length} bytes as {digest}, its descriptor says {descriptor.size}", where)

    def _length_of(self, descriptor: Descriptor) -> int | None:
        return self.context.blob_size(descriptor) if self.context.blob_size else None

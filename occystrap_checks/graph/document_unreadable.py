"""Documents that could not be read for a reason no other rule has a name for."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    FoundDocument,
    ImageUnderCheck,
    Needs,
    Remark,
    Severity,
    hookimpl,
)
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import ContentError, NotFound


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="document-unreadable",
        summary="every document can be read",
        implementation="occystrap_checks.graph.document_unreadable:DocumentUnreadable",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="What nobody can read was not checked: an index that contains itself, one nested too deep, a document over "
        "the limit; or the very list of images in an archive or a layout, and then nothing was checked at all.",
        example="An index whose only entry is the index itself; an archive whose manifest.json was cut off.",
        remedy="Build the index again from the images that it should list, or the archive with the tool that made it.",
    )


class DocumentUnreadable(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        trouble = document.trouble
        if document.raw is not None or trouble is None or isinstance(trouble, NotFound):
            return ()
        if document.reference and not _is_descriptor(document.reference):
            return ()
        return (Remark(f"the {document.role} cannot be read: {trouble}"),)

    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        if not image.left_out:
            return ()
        read = len(image.layers)
        return (Remark(f"the manifest lists {read + image.left_out} layers; only the first {read} are looked at"),)


def _is_descriptor(reference: object) -> bool:
    try:
        Descriptor.from_json(reference)
    except ContentError:
        return False
    return True

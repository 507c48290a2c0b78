"""Whether there is anything to judge an image by."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Severity, hookimpl
from occystrap_core.model.errors import LimitExceeded


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="metadata",
        summary="the image has a manifest or a config",
        implementation="occystrap_checks.graph.metadata:Metadata",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Without its documents nothing can be said about an image: the rules about them did not run.",
        example="An image in a daemon that offers neither its manifest nor its config.",
        remedy="Check the image where it can be read whole: in a registry, an archive or an OCI layout.",
    )


class Metadata(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.raw is None and not document.reference and not isinstance(document.trouble, LimitExceeded):
            return (Remark("the source gives neither a manifest nor a config; rules about documents did not run"),)
        return ()

"""The sizes of manifests and indexes."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import is_whole_number
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="manifest-size",
        summary="manifests and indexes are as long as the index above them says",
        implementation="occystrap_checks.graph.manifest_size:ManifestSize",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Clients stop reading after the size in the descriptor, or refuse a manifest of another length.",
        example='An index whose entry says "size": 1000 of a manifest of 1024 bytes.',
        remedy="Write the index again with the real sizes, with the tool that made it or with occystrap.",
    )


class ManifestSize(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        wanted = document.reference.get("size")
        if document.role is Role.CONFIG or document.raw is None or not is_whole_number(wanted) or wanted < 0:
            return ()
        if len(document.raw) == wanted:
            return ()
        return (Remark(f"the {document.role} is {len(document.raw)} bytes long, the index says {wanted}"),)

"""The size of the config."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import is_whole_number
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="config-size",
        summary="the config is as long as the manifest says",
        implementation="occystrap_checks.graph.config_size:ConfigSize",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Engines read as many bytes as the manifest says and refuse more or fewer.",
        example='A manifest that says "size": 585 of a config that is 584 bytes long.',
        remedy="Write the manifest again with the real size, with the tool that made it or with occystrap.",
    )


class ConfigSize(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        wanted = document.reference.get("size")
        if document.role is not Role.CONFIG or document.raw is None or not is_whole_number(wanted) or wanted < 0:
            return ()
        if wanted == len(document.raw):
            return (Remark(f"the config is {wanted} bytes long, as the manifest says", severity=Severity.INFO),)
        return (Remark(f"the config is {len(document.raw)} bytes long, the manifest says {wanted}"),)

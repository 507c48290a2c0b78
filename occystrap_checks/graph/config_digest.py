"""The digest of the config."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.lenient import as_digest
from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl
from occystrap_core.model.digest import Digest


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="config-digest",
        summary="the config has the digest that the manifest says",
        implementation="occystrap_checks.graph.config_digest:ConfigDigest",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Engines refuse a config with another digest than the manifest's: it is damaged, or not the one that was "
        "pushed.",
        example="A blob of a registry's storage that was edited by hand.",
        remedy="Push the image again from where it is intact.",
    )


class ConfigDigest(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        wanted = as_digest(document.reference.get("digest"))
        if document.role is not Role.CONFIG or document.raw is None or wanted is None:
            return ()
        if wanted.matches(document.raw):
            return (Remark(f"the config has the digest {wanted.short} that the manifest says", severity=Severity.INFO),)
        found = Digest.of(document.raw, wanted.algorithm)
        return (Remark(f"the config has the digest {found}, the manifest says {wanted}"),)

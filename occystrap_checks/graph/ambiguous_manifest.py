"""Documents that could be read as an index and as a manifest."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import CheckSpec, Examination, FoundDocument, Needs, Remark, Role, Severity, hookimpl

_OF_MANIFESTS = ("config", "layers", "fsLayers")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="ambiguous-manifest",
        summary="no document has the fields of an index and of a manifest",
        implementation="occystrap_checks.graph.ambiguous_manifest:AmbiguousManifest",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="What such a document means depends on who reads it, so that a scanner can see another image than the "
        "engine runs (CVE-2021-41190). Engines refuse it.",
        example='{"schemaVersion": 2, "layers": […], "manifests": […]}',
        remedy="Treat the image as an attack until you know who wrote it; build it again.",
    )


class AmbiguousManifest(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is Role.CONFIG or document.json is None:
            return ()
        own = [key for key in _OF_MANIFESTS if key in document.json]
        if "manifests" in document.json and own:
            return (Remark(f"it has manifests, as an index has, and {' and '.join(own)}, as a manifest has"),)
        if "fsLayers" in document.json and "layers" in document.json:
            return (Remark("it has layers, as schema version 2 has, and fsLayers, as version 1 has"),)
        return ()

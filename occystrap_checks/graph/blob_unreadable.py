"""Blobs that could not be read to their end, for a reason outside of them."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.unread import UNREAD, broke_off
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    hookimpl,
)
from occystrap_core.contracts.check import HasBlob
from occystrap_core.model.errors import InvalidImage, NotFound


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="blob-unreadable",
        summary="every layer can be read",
        implementation="occystrap_checks.graph.blob_unreadable:BlobUnreadable",
        severity=Severity.ERROR,
        needs=Needs.LAYERS,
        why="What cannot be read was not checked, and whoever pulls the image meets the same failure.",
        example="A layer behind an expired download link, or on a disk with read errors.",
        remedy="Check the source: its storage, its log, and the rights of the account that reads it; then check again.",
    )


class BlobUnreadable(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Unreadable(self.context.has_blob)


class Unreadable(LayerExamination):
    def __init__(self, has_blob: HasBlob | None) -> None:
        self._has_blob = has_blob

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        damage = facts.damage
        if not isinstance(damage, UNREAD) or broke_off(facts):  # of that speaks the rule layer-seekable
            return ()
        if isinstance(damage, (NotFound, InvalidImage)) and self._is_known_to_miss(facts.layer):
            return ()
        return (Remark(f"the layer could not be read: {damage}"),)

    def _is_known_to_miss(self, layer: LayerUnderCheck) -> bool:
        """Then the rule blob-missing has said so."""
        return self._has_blob is not None and layer.descriptor is not None and self._has_blob(layer.descriptor) is False

"""The digests of layers, as they are stored."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.graph.unread import UNREAD
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


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="blob-digest",
        summary="layers have the digests they are known by",
        implementation="occystrap_checks.graph.blob_digest:BlobDigest",
        severity=Severity.ERROR,
        needs=Needs.LAYERS,
        why="A digest names content: when the bytes do not match it, they are damaged or were exchanged, and engines "
        "refuse the image.",
        example="An OCI layout in which a file under blobs/sha256/ was edited.",
        remedy="Fetch or push the image again from where it is intact; find out what changed the bytes.",
    )


class BlobDigest(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return DigestOfLayer()


class DigestOfLayer(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        descriptor = facts.layer.descriptor
        if descriptor is None or facts.digest is None or facts.digest == descriptor.digest:
            return ()
        if isinstance(facts.damage, UNREAD) or facts.size != descriptor.size:
            return ()
        return (Remark(f"the layer's blob has the digest {facts.digest}, its descriptor says {descriptor.digest}"),)

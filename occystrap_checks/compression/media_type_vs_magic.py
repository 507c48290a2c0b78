"""Whether layers are compressed as their media types say."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.layer_causes import foreign_compression, is_nothing_known
from occystrap_checks.wording import NOTHING
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
from occystrap_core.model.media_types import Compression, layer_compression


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="media-type-vs-magic",
        summary="layers are compressed as their media types say",
        implementation="occystrap_checks.compression.media_type_vs_magic:MediaTypeVsMagic",
        severity=Severity.ERROR,
        needs=Needs.LAYERS,
        why="Some engines trust the media type, others look at the first bytes: a layer that says one thing and "
        "is another runs here and fails there. Nobody but gzip, zstd and plain tar is understood everywhere.",
        example="A layer of application/vnd.oci.image.layer.v1.tar+gzip whose bytes are zstd, or were packed with xz.",
        remedy="Write the image again with a tool that compresses layers itself, or correct the media type in the "
        "manifest.",
    )


class MediaTypeVsMagic(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return DeclaredAndFound()


class DeclaredAndFound(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        media_type = facts.layer.descriptor.media_type if facts.layer.descriptor else ""
        declared = layer_compression(media_type)
        found = foreign_compression(facts) or facts.compression
        if not facts.is_authentic or declared is None or found is None or found == declared:
            return NOTHING
        if not facts.size:
            return (Remark(f"the layer is empty, its media type {media_type} says {_named(declared)}"),)
        if is_nothing_known(facts):
            return (Remark(f"the layer is neither {declared} data, as its media type says, nor a tar archive"),)
        return (Remark(f"the layer is {_named(found)}, its media type {media_type} says {_named(declared)}"),)


def _named(compression: str) -> str:
    return "a plain tar archive" if compression == Compression.NONE else f"{compression} data"

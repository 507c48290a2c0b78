"""The table of contents of zstd:chunked layers, held to its checksum."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.layer_causes import is_sound
from occystrap_checks.lenient import as_digest
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
    shown,
)
from occystrap_core.model.zstd_chunked import chunked_toc


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="zstd-chunked-checksum",
        summary="the table of contents of a zstd:chunked layer is the one that is annotated",
        implementation="occystrap_checks.compression.zstd_chunked_checksum:ZstdChunkedChecksum",
        severity=Severity.WARNING,
        needs=Needs.LAYERS,
        why="Podman trusts the table of contents to say which files it needs to fetch, and checks it by the annotated "
        "checksum: where they differ, the pull fails, or the whole layer is fetched.",
        example="A layer that was compressed again with zstd:chunked, in a manifest with the annotations of before.",
        remedy="Write the image again with podman push --compression-format zstd:chunked, or drop the annotations.",
    )


class ZstdChunkedChecksum(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Checksum()


class Checksum(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        promised = chunked_toc(facts.layer.descriptor.annotations) if facts.layer.descriptor else None
        if promised is None or facts.chunked_toc is None or not is_sound(facts):
            return NOTHING
        if as_digest(promised.checksum) in (None, facts.chunked_toc):
            return NOTHING
        checksum = shown(promised.checksum[:80].encode("utf-8", "replace"))
        return (Remark(f"what stands for a table of contents is {facts.chunked_toc}, the annotation says {checksum}"),)

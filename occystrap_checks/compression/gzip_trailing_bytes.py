"""Bytes after the end of gzip data."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, counted
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
from occystrap_core.model.media_types import Compression


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="gzip-trailing-bytes",
        summary="nothing follows the gzip data of a layer",
        implementation="occystrap_checks.compression.gzip_trailing_bytes:GzipTrailingBytes",
        severity=Severity.ERROR,
        needs=Needs.LAYERS,
        why="Go's reader takes what follows for the next member and fails, so Docker, Podman and containerd "
        "refuse the layer, while containerd with an external unpigz may pass it over: the image runs on some "
        "hosts only.",
        example="cat layer.tar.gz signature.bin > blob",
        remedy="Compress the layer again without anything appended.",
    )


class GzipTrailingBytes(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return AfterTheLastMember()


class AfterTheLastMember(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic or not facts.trailing_junk or facts.compression is not Compression.GZIP:
            return NOTHING
        return (Remark(f"after {counted(facts.members, 'gzip member')} come bytes that belong to none"),)

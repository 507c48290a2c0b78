"""The table of contents of zstd:chunked layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from occystrap_checks.lenient import as_digest, as_object, as_text
from occystrap_checks.wording import size_text
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, Where, hookimpl

_POSITION = "io.github.containers.zstd-chunked.manifest-position"
_CHECKSUM = "io.github.containers.zstd-chunked.manifest-checksum"
_ESTARGZ = "containerd.io/snapshot/stargz/toc.digest"
_MOST = 50 << 20


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="zstd-chunked-toc",
        summary="the annotations of a zstd:chunked layer lead to its table of contents",
        implementation="occystrap_checks.compression.zstd_chunked_toc:ZstdChunkedToc",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Podman fetches single files of such a layer by its table of contents; annotations that lead nowhere "
        "make it pull the layer whole or fail, and a layer in two lazy formats at once is read by one of the "
        "engines only.",
        example="An image whose layers were compressed again while their annotations were kept.",
        remedy="Write the image again with podman push --compression-format zstd:chunked, or drop the annotations.",
    )


class ZstdChunkedToc(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        for layer in image.layers:
            notes = as_object(layer.reference.get("annotations"))
            if _POSITION in notes or _CHECKSUM in notes:
                size = layer.descriptor.size if layer.descriptor else 0
                for message in _faults(notes, size):
                    yield Remark(message, Where(layer=layer.position))


def _faults(notes: Mapping[str, Any], size: int) -> Iterator[str]:
    if as_digest(notes.get(_CHECKSUM)) is None:
        yield f"the annotation {_CHECKSUM} is no digest"
    if _ESTARGZ in notes:
        yield "the layer is annotated as zstd:chunked and as eStargz"
    numbers = as_text(notes.get(_POSITION)).split(":")
    if len(numbers) != 4 or not all(number.isdecimal() and len(number) < 19 for number in numbers):
        yield f"the annotation {_POSITION} is not four numbers with colons between them"
        return
    offset, stored, unpacked, _ = map(int, numbers)
    if offset + stored > size:
        yield f"the table of contents would end at byte {offset + stored}, the layer has {size}"
    elif unpacked > _MOST:
        yield f"the table of contents is {size_text(unpacked)}, more than the {size_text(_MOST)} that Podman reads"

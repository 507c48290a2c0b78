"""The table of contents of zstd:chunked layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.lenient import as_digest, as_object
from occystrap_checks.wording import size_text
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, Where, hookimpl
from occystrap_core.model.zstd_chunked import ChunkedToc, chunked_toc

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
            toc = chunked_toc(notes)
            if toc is not None:
                size = layer.descriptor.size if layer.descriptor else 0
                for message in _faults(toc, size, is_estargz=_ESTARGZ in notes):
                    yield Remark(message, Where(layer=layer.position))


def _faults(toc: ChunkedToc, size: int, *, is_estargz: bool) -> Iterator[str]:
    if as_digest(toc.checksum) is None:
        yield "the annotated checksum of the table of contents (manifest-checksum) is no digest"
    if is_estargz:
        yield "the layer is annotated as zstd:chunked and as eStargz"
    if toc.numbers is None:
        yield "the annotated manifest-position is not four numbers with colons between them"
        return
    offset, stored, unpacked = toc.numbers
    if offset + stored > size:
        yield f"the table of contents would end at byte {offset + stored}, the layer has {size}"
    elif unpacked > _MOST:
        yield f"the table of contents is {size_text(unpacked)}, more than the {size_text(_MOST)} that Podman reads"

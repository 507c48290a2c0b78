"""The table of contents of eStargz layers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from occystrap_checks.layer_causes import is_sound
from occystrap_checks.lenient import as_list, as_text
from occystrap_checks.wording import NOTHING, Tally
from occystrap_core.contracts import (
    CheckSpec,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Listing,
    Needs,
    Remark,
    Severity,
    hookimpl,
    shown,
)
from occystrap_core.model.digest import Digest

_ANNOTATION = "containerd.io/snapshot/stargz/toc.digest"
_NAME = "stargz.index.json"
_MOST_TOC = 16 << 20
_MOST_COMPARED = 2 << 20


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="estargz-toc",
        summary="the table of contents of an eStargz layer is the one that its annotation names",
        implementation="occystrap_checks.compression.estargz_toc:EstargzToc",
        severity=Severity.WARNING,
        needs=Needs.CONTENT,
        why="Lazy pulling trusts the table of contents, and verifies it by the digest in the annotation: where "
        "they disagree, the snapshotter falls back to pulling the whole layer, or shows other files than the "
        "archive holds.",
        example="An eStargz layer that was unpacked, edited and packed again with its old annotations.",
        remedy="Convert the layer to eStargz again, or drop the annotation containerd.io/snapshot/stargz/toc.digest.",
        head=16 << 20,
        head_of=("stargz.index.json",),
    )


class EstargzToc(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Toc(as_text(layer.descriptor.annotations.get(_ANNOTATION)) if layer.descriptor else "")


class Toc(LayerExamination):
    def __init__(self, promised: str) -> None:
        self._promised = promised
        self._size = -1
        self._data = b""

    def head(self, entry: Entry, data: bytes) -> Iterable[Remark]:
        self._size, self._data = entry.size, data
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not is_sound(facts) or facts.listing is None or (not self._promised and self._size < 0):
            return
        if self._size < 0:
            yield Remark(f"the annotation {_ANNOTATION} promises a {_NAME}, which the layer does not have")
        elif len(self._data) == self._size:
            found = str(Digest.of(self._data))
            if self._promised and found != self._promised:
                yield Remark(f"{_NAME} has the digest {found}, the annotation says {shown(self._promised)}")
            elif self._size <= _MOST_COMPARED:
                yield from _differences(self._data, facts.listing)


def _differences(toc: bytes, listing: Listing) -> Iterator[Remark]:
    try:
        entries = json.loads(toc).get("entries")
    except (ValueError, AttributeError, RecursionError):
        yield Remark(f"{_NAME} is not the JSON that it should be")
        return
    names = {_cleaned(entry.get("name")) for entry in as_list(entries) if isinstance(entry, dict)}
    missing = Tally.of(path for path in map(listing.path, range(len(listing))) if path and path not in names)
    ours = missing.first == [_NAME.encode()]
    if missing.count and not ours:
        yield Remark(f"{_NAME} does not list {missing}")


def _cleaned(name: object) -> bytes:
    parts = as_text(name).encode("utf-8", "replace").split(b"/")
    return b"/".join(part for part in parts if part not in (b"", b"."))

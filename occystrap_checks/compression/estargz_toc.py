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
_BLOCK, _SIZE = 512, slice(124, 136)
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
        head=4 << 20,
        head_of=("stargz.index.json",),
    )


class EstargzToc(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Toc()


class Toc(LayerExamination):
    def __init__(self) -> None:
        self._size = -1
        self._data = b""

    def head(self, entry: Entry, data: bytes) -> Iterable[Remark]:
        self._size, self._data = entry.size, data
        return NOTHING

    def trailing(self, data: bytes) -> Iterable[Remark]:
        header, content = data[:_BLOCK], data[_BLOCK:]
        digits = header[_SIZE].strip(b"\0 ")
        if header.startswith(_NAME.encode() + b"\0") and digits.isdigit():
            self._size = int(digits, 8)
            self._data = content[: self._size]
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        descriptor = facts.layer.descriptor
        promised = as_text(descriptor.annotations.get(_ANNOTATION)) if descriptor else ""
        if not is_sound(facts) or facts.listing is None or (not promised and self._size < 0):
            return
        if self._size < 0:
            yield Remark(f"the annotation {_ANNOTATION} promises a {_NAME}, which the layer does not have")
        elif len(self._data) == self._size:
            found = str(Digest.of(self._data))
            if promised and found != promised:
                yield Remark(f"{_NAME} has the digest {found}, the annotation says {shown(promised)}")
            elif self._size <= _MOST_COMPARED:
                yield from _differences(self._data, facts.listing)


def _differences(toc: bytes, listing: Listing) -> Iterator[Remark]:
    try:
        entries = json.loads(toc).get("entries")
    except (ValueError, AttributeError, RecursionError):
        yield Remark(f"{_NAME} is not the JSON that it should be")
        return
    names = {_cleaned(entry.get("name")) for entry in as_list(entries) if isinstance(entry, dict)}
    names |= {b"", _NAME.encode()}
    missing = Tally.of(path for path in map(listing.path, range(len(listing))) if path not in names)
    if missing.count:
        yield missing.remark(f"{_NAME} does not list {missing}")


def _cleaned(name: object) -> bytes:
    parts = as_text(name).encode("utf-8", "replace").split(b"/")
    return b"/".join(part for part in parts if part not in (b"", b"."))

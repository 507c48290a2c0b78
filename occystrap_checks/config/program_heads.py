"""What the first bytes of programs say, kept until it is known which program the image starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from occystrap_core.contracts import (
    Entry,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Remark,
    Seen,
    View,
)
from occystrap_core.contracts.entry import HARDLINK

MOST_KEPT = 20_000
"""For one layer: what comes after is not remembered, and not judged."""

Said = TypeVar("Said")


class ProgramHeads(Generic[Said]):
    """One for each rule. Layers are known by their blobs, since images share them."""

    def __init__(self, read: Callable[[bytes], Said | None]) -> None:
        self._read = read
        self._layers: dict[str, dict[bytes, Said]] = {}

    def examination(self) -> LayerExamination:
        return _Reading(self._read, self._layers)

    def of(self, image: ImageUnderCheck, view: View, seen: Seen) -> Said | None:
        """What the file said that `seen` is, or is a hard link to."""
        for _ in range(8):
            kept = self._layers.get(_key(image.layers[seen.layer]), {})
            path = seen.linkname.removeprefix(b"./").strip(b"/") if seen.kind == HARDLINK else seen.path
            written = path if path in kept else _as_written(view, seen.layer, path)
            if seen.kind != HARDLINK or written in kept:
                return kept.get(written)
            other = view.below(seen.layer, path)
            if other is None:
                return None
            seen = other
        return None

    def everything(self, image: ImageUnderCheck) -> Iterator[Said]:
        for layer in image.layers:
            yield from self._kept(layer).values()

    def _kept(self, layer: LayerUnderCheck) -> Mapping[bytes, Said]:
        return self._layers.get(_key(layer), {})


class _Reading(LayerExamination, Generic[Said]):
    def __init__(self, read: Callable[[bytes], Said | None], layers: dict[str, dict[bytes, Said]]) -> None:
        self._read = read
        self._layers = layers
        self._kept: dict[bytes, Said] = {}

    def head(self, entry: Entry, data: bytes) -> Iterable[Remark]:
        said = self._read(data)
        if said is not None and len(self._kept) < MOST_KEPT:
            self._kept[entry.path] = said
        return ()

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        self._layers[_key(facts.layer)] = self._kept
        return ()


def _as_written(view: View, layer: int, path: bytes) -> bytes:
    return next((written for written, there in view.moved(layer) if there == path), path)


def _key(layer: LayerUnderCheck) -> str:
    return str(layer.descriptor.digest) if layer.descriptor else f"position {layer.position}"

"""Hits that wait for the last layer: only then is known what became of each."""

from __future__ import annotations

import marshal
import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from occystrap_core.engine.content_match import ContentMatch
from occystrap_core.engine.hit import Hit
from occystrap_core.engine.layer_records import WHITEOUT, LayerRecords
from occystrap_core.engine.matches import Match
from occystrap_core.engine.merged_image import normalised
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.model.image import Image
from occystrap_core.streams.path_numbers import PathNumbers
from occystrap_core.streams.spool import Spool

_BATCH = 4096
_LENGTH = 8
_NOBODY = 0xFFFF

Row = tuple[Any, ...]


class FoundHits:
    """Filled in the order of the layers, then settled, then iterated as often as one likes.

    A few thousand are kept in memory, more are put aside on disk: what stays of each are four
    bytes that say what later layers do to it.
    """

    def __init__(self, image: Image, directory: Path | None) -> None:
        self._layers = image.layers
        self._directory = directory
        self._rows: list[Row] = []
        self._aside: Spool | None = None
        self._deleted_by = array("H")
        self._replaced_by = array("H")

    def add(self, hit: Hit) -> None:
        match, content = hit.match, hit.content
        told = (content.offset, content.text) if content else (None, None)
        self._rows.append((hit.layer.position, hit.number, match.path, match.kind, match.size, match.target, *told))
        if len(self._rows) == _BATCH:
            self._put_aside()

    def settle(self, view: MergedView) -> None:
        for layer, number, *_ in self._all_rows():
            culprit = None if number is None else view.hidden_by(layer, number)
            anew = culprit is not None and view.number(culprit, view.listing(layer).path(number)) is not None
            self._deleted_by.append(_NOBODY if culprit is None or anew else culprit)
            self._replaced_by.append(culprit if culprit is not None and anew else _NOBODY)

    def deleted(self, whiteouts: Iterable[LayerRecords]) -> Iterator[tuple[Match, int, int]]:
        """Those that a later layer deletes, each with its layer and that one. Whiteouts alone tell it, unsettled."""
        whole, inside = _cuts(whiteouts)
        if not len(whole) and not len(inside):
            return
        for layer, _, path, *told, _, _ in self._all_rows():
            culprits = [each for each in _ways(path, whole, inside) if each > layer]
            if culprits:
                yield Match(path, *told), layer, min(culprits)

    def __iter__(self) -> Iterator[Hit]:
        for row, deleted_by, replaced_by in zip(self._all_rows(), self._deleted_by, self._replaced_by, strict=True):
            layer, number, path, kind, size, target, offset, text = row
            yield Hit(
                self._layers[layer],
                Match(path, kind, size, target),
                number,
                None if offset is None else ContentMatch(offset, text),
                None if deleted_by == _NOBODY else deleted_by,
                None if replaced_by == _NOBODY else replaced_by,
            )

    def close(self) -> None:
        if self._aside is not None:
            self._aside.close()

    def _put_aside(self) -> None:
        if self._aside is None:
            self._aside = Spool(self._directory)
        batch = marshal.dumps(self._rows)
        self._aside.write(len(batch).to_bytes(_LENGTH, "little") + batch)
        self._rows.clear()

    def _all_rows(self) -> Iterator[Row]:
        if self._aside is not None:
            yield from _read_back(self._aside)
        yield from self._rows


def _cuts(whiteouts: Iterable[LayerRecords]) -> tuple[PathNumbers, PathNumbers]:
    """The layers that delete a path, and those that empty it."""
    whole, inside = PathNumbers(), PathNumbers()
    for records in whiteouts:
        for path in records.whiteouts:
            _note(whole, path, records.layer)
        for path, _ in records.opaque:
            _note(inside, path, records.layer)
    return whole, inside


def _note(cuts: PathNumbers, path: bytes, layer: int) -> None:
    if cuts.latest(path) != layer:
        cuts.add(path, layer)


def _ways(name: str, whole: PathNumbers, inside: PathNumbers) -> Iterator[int]:
    """Every layer that deletes this, or a directory above it."""
    path = normalised(os.fsencode(name))
    if path.rpartition(b"/")[2].startswith(WHITEOUT):
        return
    yield from whole.latest_first(path)
    while path:
        path = path.rpartition(b"/")[0]
        yield from whole.latest_first(path)
        yield from inside.latest_first(path)


def _read_back(aside: Spool) -> Iterator[Row]:
    waiting = bytearray()
    for piece in aside.chunks():
        waiting += piece
        while len(waiting) > _LENGTH and len(waiting) >= (end := _LENGTH + int.from_bytes(waiting[:_LENGTH], "little")):
            yield from marshal.loads(waiting[_LENGTH:end])  # noqa: S302 - this process wrote it, into a file without a name
            del waiting[:end]

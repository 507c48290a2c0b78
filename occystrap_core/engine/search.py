"""Searching the layers of an image by name and by content."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby

from occystrap_core.contracts.entry import REGULAR, Entry
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.progress import Progress
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.at_a_time import layers_read_at_a_time
from occystrap_core.engine.budget import Budget
from occystrap_core.engine.content_match import ContentMatch, first_match
from occystrap_core.engine.found_hits import FoundHits
from occystrap_core.engine.hit import Hit
from occystrap_core.engine.in_turn import in_turn
from occystrap_core.engine.layer_reading import LayerReading, Tap, remember
from occystrap_core.engine.layer_records import WHITEOUT, LayerRecords
from occystrap_core.engine.matches import LayerMatches, Match, matched_name
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.engine.schedule import Stop
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.streams.tar import GLOBAL, expanded


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """`content` is held against regular files whose name `matches`.

    `endless` expressions may take for ever over a name or a file. They are tried on the thread that
    asks, the only one where an interruption reaches them.
    """

    source: Input
    matches: Callable[[str], object]
    settings: Settings
    progress: Progress
    content: re.Pattern[bytes] | None = None
    endless: bool = False


class Search:
    """The matches of an image as they are found, and afterwards those that later layers delete.

    A layer read before its turn waits for it. Closing ends the reading. Without `remembering`
    nothing is known afterwards.
    """

    def __init__(self, request: SearchRequest, image: Image, *, remembering: bool = True) -> None:
        budget = Budget()
        self._whiteouts = [LayerRecords(layer.position, budget) for layer in image.layers]
        searches = [
            _LayerSearch(request, layer, whiteouts=self._whiteouts[layer.position])
            for layer in image.layers
            if layer.is_tar
        ]
        self._forgotten = [layer for layer in image.layers if not remembering or layer is image.layers[-1]]
        self._turns = _side_by_side(request, searches)
        self._found = FoundHits(image, request.settings.temp_dir)

    def layers(self) -> Iterator[LayerMatches]:
        for layer, hits in self._turns:
            matches = (hit.match for hit in hits) if layer in self._forgotten else self._remembered(hits)
            yield LayerMatches(layer.descriptor.digest, layer.position, matches)

    def deleted(self) -> Iterator[tuple[Match, int, int]]:
        """Each with its layer, and the one that deletes it."""
        return self._found.deleted(self._whiteouts)

    def close(self) -> None:
        self._turns.close()
        self._found.close()

    def _remembered(self, hits: Iterable[Hit]) -> Iterator[Match]:
        for hit in hits:
            self._found.add(hit)
            yield hit.match


def search_all(request: SearchRequest, image: Image) -> FoundHits:
    """Every match, with what later layers do to it. Who calls this closes what comes back."""
    budget = Budget()
    records = [LayerRecords(layer.position, budget) for layer in image.layers]
    searches = [_LayerSearch(request, layer, records[layer.position]) for layer in image.layers if layer.is_tar]
    found = FoundHits(image, request.settings.temp_dir)
    try:
        with closing(_side_by_side(request, searches)) as turns:
            for _, hits in turns:
                for hit in hits:
                    found.add(hit)
        found.settle(MergedView(records, ()))
    except BaseException:
        found.close()
        raise
    return found


def as_layer_matches(hits: Iterable[Hit]) -> Generator[LayerMatches, None, None]:
    for layer, found in groupby(hits, key=lambda hit: hit.layer):
        yield LayerMatches(layer.descriptor.digest, layer.position, (hit.match for hit in found))


@dataclass(slots=True)
class _LayerSearch:
    """`records` remembers every entry, `whiteouts` only those, where asked to. `give_up` is as in LayerReading."""

    request: SearchRequest
    layer: Layer
    records: LayerRecords | None = None
    whiteouts: LayerRecords | None = None
    tap: Tap = field(default=iter)
    give_up: Callable[[], None] | None = None

    def hits(self) -> Generator[Hit, None, None]:
        reading = LayerReading(self.request.source, self.layer, self.tap, self.give_up)
        with closing(iter(reading)) as entries:
            yield from self._matching(entries)

    def _matching(self, entries: Iterable[Entry]) -> Iterator[Hit]:
        matches, content, records = self.request.matches, self.request.content, self.records
        whiteouts, number = self.whiteouts, None
        for entry in entries:
            if records is not None:
                number = remember(records, entry)
            elif whiteouts is not None and WHITEOUT in entry.name:
                _remember_whiteout(whiteouts, entry.path)
            name = matched_name(entry)
            if not matches(name) or entry.kind == GLOBAL:
                continue
            if content is None:
                yield Hit(self.layer, Match.of(entry, name), number)
            elif found := _inside(entry, content):
                yield Hit(self.layer, Match.of(entry, name), number, found)


def _side_by_side(
    request: SearchRequest, searches: list[_LayerSearch]
) -> Generator[tuple[Layer, Iterator[Hit]], None, None]:
    stop = Stop(request.source)
    for each in searches:
        each.tap = _tap(request, each.layer, stop)
    if request.endless:
        yield from _one_by_one(searches, stop)
        return
    descriptors = (each.layer.descriptor for each in searches)
    workers = layers_read_at_a_time(request.source, request.settings, descriptors)
    with closing(in_turn(_LayerSearch.hits, searches, workers, stop)) as turns:
        for each, hits in turns:
            yield each.layer, hits


def _one_by_one(searches: list[_LayerSearch], stop: Stop) -> Generator[tuple[Layer, Iterator[Hit]], None, None]:
    for each in searches:
        each.give_up = stop.set
        with closing(each.hits()) as hits:
            yield each.layer, hits


def _remember_whiteout(whiteouts: LayerRecords, path: bytes) -> None:
    folder, _, name = path.rpartition(b"/")
    if name.startswith(WHITEOUT):
        whiteouts.add_whiteout(folder, name)


def _tap(request: SearchRequest, layer: Layer, stop: Stop) -> Tap:
    task = request.progress.start(f"layer {layer.position + 1}", layer.descriptor.size)
    return lambda chunks: stop.tap(chunks, task)


def _inside(entry: Entry, content: re.Pattern[bytes]) -> ContentMatch | None:
    return first_match(content, expanded(entry)) if entry.kind == REGULAR else None

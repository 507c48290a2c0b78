"""Searching the layers of an image by name and by content."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from occystrap_core.contracts.entry import REGULAR, Entry
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.progress import Progress
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.at_a_time import layers_read_at_a_time
from occystrap_core.engine.content_match import ContentMatch, first_match
from occystrap_core.engine.in_turn import in_turn
from occystrap_core.engine.layer_reading import LayerReading, Tap, remember
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.matches import LayerMatches, Match, matched_name
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.engine.schedule import Stop
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.streams.tar import GLOBAL, expanded


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """`content` is held against regular files whose name `matches`."""

    source: Input
    matches: Callable[[str], object]
    settings: Settings
    progress: Progress
    content: re.Pattern[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """`number` is the entry's among those of its layer, None for what is no file of the image.
    At most one of the last two is set: the layer that deletes it, or the one that has something
    else in its place. They are not known before all layers are read."""

    layer: Layer
    match: Match
    number: int | None
    content: ContentMatch | None = None
    deleted_by: int | None = None
    replaced_by: int | None = None


def search(request: SearchRequest, image: Image) -> Generator[LayerMatches, None, None]:
    """Each layer's matches as they are found; a layer read before its turn waits for it. Closing it
    ends the reading."""
    searches = [_LayerSearch(request, layer) for layer in image.layers if layer.is_tar]
    with closing(_side_by_side(request, searches)) as found:
        for layer, hits in found:
            yield LayerMatches(layer.descriptor.digest, layer.position, (hit.match for hit in hits))


def search_all(request: SearchRequest, image: Image) -> tuple[Hit, ...]:
    """Every match, with what later layers do to it."""
    records = [LayerRecords(layer.position) for layer in image.layers]
    searches = [_LayerSearch(request, layer, records[layer.position]) for layer in image.layers if layer.is_tar]
    hits = [hit for _, found in _side_by_side(request, searches) for hit in found]
    view = MergedView(records, ())
    return tuple(_with_its_fate(hit, view) for hit in hits)


def merged(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """Those that are there in the end."""
    return tuple(hit for hit in hits if hit.number is not None and hit.deleted_by is None and hit.replaced_by is None)


def as_layer_matches(hits: Iterable[Hit]) -> Generator[LayerMatches, None, None]:
    by_layer: dict[int, list[Hit]] = {}
    for hit in hits:
        by_layer.setdefault(hit.layer.position, []).append(hit)
    for position in sorted(by_layer):
        found = by_layer[position]
        yield LayerMatches(found[0].layer.descriptor.digest, position, [hit.match for hit in found])


@dataclass(slots=True)
class _LayerSearch:
    """`records` remembers every entry, where asked to."""

    request: SearchRequest
    layer: Layer
    records: LayerRecords | None = None
    tap: Tap = field(default=iter)

    def hits(self) -> Generator[Hit, None, None]:
        matches, content, records = self.request.matches, self.request.content, self.records
        number = None
        with closing(iter(LayerReading(self.request.source, self.layer, self.tap))) as entries:
            for entry in entries:
                if records is not None:
                    number = remember(records, entry)
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
    descriptors = (each.layer.descriptor for each in searches)
    workers = layers_read_at_a_time(request.source, request.settings, descriptors)
    with closing(in_turn(_LayerSearch.hits, searches, workers, stop)) as turns:
        for each, hits in turns:
            yield each.layer, hits


def _tap(request: SearchRequest, layer: Layer, stop: Stop) -> Tap:
    task = request.progress.start(f"layer {layer.position + 1}", layer.descriptor.size)
    return lambda chunks: stop.tap(chunks, task)


def _inside(entry: Entry, content: re.Pattern[bytes]) -> ContentMatch | None:
    return first_match(content, expanded(entry)) if entry.kind == REGULAR else None


def _with_its_fate(hit: Hit, view: MergedView) -> Hit:
    if hit.number is None:
        return hit
    layer = hit.layer.position
    culprit = view.hidden_by(layer, hit.number)
    if culprit is None:
        return hit
    if view.number(culprit, view.listing(layer).path(hit.number)) is None:
        return replace(hit, deleted_by=culprit)
    return replace(hit, replaced_by=culprit)

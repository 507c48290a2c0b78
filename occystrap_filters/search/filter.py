"""Looking for paths in every layer that passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from occystrap_core.contracts import DeclaredChanges, Entry, FilterContext, FilterReport, StageLayer, Transform
from occystrap_core.engine.matches import (
    LayerMatches,
    Match,
    as_json,
    listing,
    matched_name,
    matcher,
    script_lines,
)
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.streams.tar import GLOBAL
from occystrap_filters.search.plugin import SearchOptions

_Place = tuple[str, int]


def open_filter(options: SearchOptions, context: FilterContext) -> Search:
    return Search(options, context)


class Search:
    """`fingerprint` is empty because a layer out of a cache would not be searched."""

    fingerprint = ""
    observes = True
    changes = DeclaredChanges()

    def __init__(self, options: SearchOptions, context: FilterContext) -> None:
        self._options = options
        self._label = context.label
        self._matches = matcher(options.pattern, options.regex)
        self._in_layer: dict[_Place, tuple[Match, ...]] = {}
        self._found: list[LayerMatches] = []

    def config(self, config: Mapping[str, Any], image: Image) -> Mapping[str, Any]:
        return config

    def begin(self, layer: Layer, image: Image) -> Transform:
        return _Searching(self._matches, lambda found: self._in_layer.__setitem__(_place(layer, image), found))

    def finish(self, image: Image, layers: tuple[StageLayer, ...]) -> None:
        for stage in layers:
            if matches := self._in_layer.get(_place(stage.layer, image)):
                self._found.append(LayerMatches(stage.digest, stage.layer.position, matches))

    def report(self) -> FilterReport:
        lines = script_lines(self._found, *self._label) if self._options.script_friendly else listing(self._found)
        return FilterReport(tuple(lines), {"pattern": self._options.pattern, "matches": as_json(self._found)})


class _Searching:
    __slots__ = ("_done", "_found", "_matches")

    def __init__(self, matches: Callable[[str], object], done: Callable[[tuple[Match, ...]], None]) -> None:
        self._matches = matches
        self._done = done
        self._found: list[Match] = []

    def entry(self, entry: Entry) -> Entry:
        name = matched_name(entry)
        if self._matches(name) and entry.kind != GLOBAL:
            self._found.append(Match.of(entry, name))
        return entry

    def finish(self) -> Iterable[Entry]:
        self._done(tuple(self._found))
        return ()


def _place(layer: Layer, image: Image) -> _Place:
    return str(image.descriptor.digest), layer.position

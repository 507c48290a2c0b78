"""The built-in filters as users write them, over images in memory."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from occystrap_core.contracts import Entry, FilterContext, FilterReport, FilterSpec, Settings
from occystrap_core.contracts.options import keys_of, parse_options, split_filter
from occystrap_core.contracts.progress import Silent
from occystrap_core.engine.chain import OpenFilter
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.process import process
from occystrap_core.engine.selection import Selection
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import ImageName
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec import inflate, sniff
from occystrap_core.streams.tar import TarReader
from occystrap_core.testing.build import Content, build_image
from occystrap_core.testing.memory import SAMPLE_NAME, MemoryInput, MemoryOutput
from occystrap_filters.exclude import plugin as exclude
from occystrap_filters.inspect import plugin as inspect
from occystrap_filters.normalize_timestamps import plugin as normalize
from occystrap_filters.search import plugin as search

_PLUGINS: tuple[ModuleType, ...] = (normalize, exclude, search, inspect)
SPECS: dict[str, FilterSpec] = {spec.name: spec for each in _PLUGINS for spec in each.occystrap_filters()}
EVERYTHING = Selection((), everything=True)


def opened(
    text: str, *, name: ImageName = SAMPLE_NAME, origin: tuple[str, str] | None = None, **settings: Any
) -> OpenFilter:
    """What `-f text` opens."""
    filter_name, pairs = split_filter(text, lambda wanted: keys_of(SPECS[wanted].options))
    spec = SPECS[filter_name]
    module, _, attribute = spec.implementation.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    options = parse_options(spec.options, pairs, f"filter {filter_name!r}", escaped=True)
    return OpenFilter(filter_name, factory(options, FilterContext(Settings(**settings), name, origin)))


@dataclass(frozen=True, slots=True)
class Filtered:
    """One image after a run: its documents, and its layers unpacked."""

    outcome: Outcome
    manifest: dict[str, Any]
    config: dict[str, Any]
    layers: tuple[bytes, ...]

    @property
    def report(self) -> FilterReport:
        return self.outcome.reports[0][1]

    def names(self, position: int = 0) -> list[str]:
        return [entry.name.decode("utf-8", "surrogateescape") for entry in TarReader((self.layers[position],))]

    def entries(self, position: int = 0) -> dict[str, tuple[Entry, bytes]]:
        """Entries and their contents by path."""
        reader = TarReader((self.layers[position],))
        return {entry.path.decode(): (entry, b"".join(entry.body)) for entry in reader}


def filtered(source: Content | bytes, *filters: str | OpenFilter, **request: Any) -> Filtered:
    """The image, or an image of the one layer given, after these filters."""
    content = build_image([source]) if isinstance(source, bytes) else source
    output = request.pop("output", None) or MemoryOutput(compressions=(Compression.GZIP, Compression.NONE))
    chain = tuple(each if isinstance(each, OpenFilter) else opened(each) for each in filters)
    options = {"selection": EVERYTHING, "settings": Settings(), "progress": Silent(), "depth": None, **request}
    outcome = process(Request(MemoryInput(content), lambda context: output, filters=chain, **options))
    image = outcome.images[0]
    layers = tuple(unpacked(output.store.blobs[layer.blob.digest]) for layer in image.layers)
    return Filtered(outcome, json.loads(image.manifest.raw), json.loads(image.config.raw), layers)


def unpacked(blob: bytes) -> bytes:
    return b"".join(inflate((blob,), sniff(blob[:16]) or Compression.NONE))


def digest_of(data: bytes) -> str:
    return str(Digest.of(data))

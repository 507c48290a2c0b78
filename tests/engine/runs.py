"""Runs of the engine in a line, and the smallest filters that show what it does."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

from occystrap_core.contracts import DeclaredChanges, Entry, FilterReport, StageLayer, Transform
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM, Settings
from occystrap_core.engine.chain import OpenFilter
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.process import process
from occystrap_core.engine.selection import Selection
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import Content
from occystrap_core.testing.memory import MemoryInput, MemoryOutput

ONE = Selection((DEFAULT_PLATFORM,))
ALL = Selection((), everything=True)


def run(
    content: Content | MemoryInput,
    *filters: PlainFilter,
    output: MemoryOutput | None = None,
    selection: Selection = ONE,
    **request: Any,
) -> Outcome:
    source = content if isinstance(content, MemoryInput) else MemoryInput(content)
    destination = MemoryOutput() if output is None else output
    options = {"settings": Settings(), "progress": Silent(), **request}
    opened = tuple(OpenFilter(type(each).__name__.lower(), each) for each in filters)
    return process(Request(source, lambda context: destination, selection, filters=opened, depth=None, **options))


class PlainFilter:
    """Leaves everything alone; the others say how they differ."""

    fingerprint = "plain"
    observes = False
    changes = DeclaredChanges()

    def __init__(self) -> None:
        self.stages: list[tuple[StageLayer, ...]] = []

    def config(self, config: Mapping[str, Any], image: Image) -> Mapping[str, Any]:
        return config

    def begin(self, layer: Layer, image: Image) -> Transform | None:
        return _Work(self)

    def finish(self, image: Image, layers: tuple[StageLayer, ...]) -> None:
        self.stages.append(layers)

    def report(self) -> FilterReport:
        return FilterReport()

    def entry(self, entry: Entry) -> Entry | None:
        return entry

    def appended(self) -> Iterable[Entry]:
        return ()


class _Work:
    def __init__(self, owner: PlainFilter) -> None:
        self._owner = owner

    def entry(self, entry: Entry) -> Entry | None:
        return self._owner.entry(entry)

    def finish(self) -> Iterable[Entry]:
        return self._owner.appended()


class Touch(PlainFilter):
    """Sets every time."""

    fingerprint = "touch"

    def __init__(self, mtime: int) -> None:
        super().__init__()
        self.mtime = mtime

    def entry(self, entry: Entry) -> Entry | None:
        return entry.replaced(mtime=self.mtime)


class Drop(PlainFilter):
    """Drops what matches."""

    fingerprint = "drop"

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self.pattern = pattern

    def entry(self, entry: Entry) -> Entry | None:
        return None if fnmatch.fnmatch(entry.path.decode(), self.pattern) else entry


class Append(PlainFilter):
    fingerprint = "append"

    def __init__(self, name: bytes) -> None:
        super().__init__()
        self.name = name

    def appended(self) -> Iterable[Entry]:
        return (make_entry(self.name, body=b"appended"),)


class Look(PlainFilter):
    """Observes, and remembers the names it saw."""

    fingerprint = ""
    observes = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def entry(self, entry: Entry) -> Entry | None:
        self.seen.append(entry.path)
        return entry


class Skip(PlainFilter):
    """Has no work on any layer."""

    def begin(self, layer: Layer, image: Image) -> Transform | None:
        return None


class Label(Skip):
    fingerprint = "label"

    def config(self, config: Mapping[str, Any], image: Image) -> Mapping[str, Any]:
        return {**config, "config": {**config.get("config", {}), "Labels": {"touched": "yes"}}}

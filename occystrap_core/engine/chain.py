"""The filter chain over one layer: every filter in one pass over its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from occystrap_core.contracts.entry import Entry
from occystrap_core.contracts.filter import Filter, Transform
from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import OccystrapError, attributed
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer, LayerStats
from occystrap_core.streams.verified import Measured


@dataclass(frozen=True, slots=True)
class OpenFilter:
    """A filter with the name the user gave it."""

    name: str
    filter: Filter


@dataclass(frozen=True, slots=True)
class Step:
    """One filter's work on one layer; `position` is the filter's place in the whole chain."""

    position: int
    name: str
    observes: bool
    transform: Transform


def begin(filters: Sequence[OpenFilter], layer: Layer, image: Image) -> tuple[Step, ...]:
    """Fresh transforms of the filters that want to see this layer, in order."""
    steps = []
    for position, each in enumerate(filters):
        with attributed(f"filter {each.name!r}"):
            transform = each.filter.begin(layer, image)
        if transform is not None:
            steps.append(Step(position, each.name, each.filter.observes, transform))
    return tuple(steps)


class FirstChange(Exception):  # a signal to start again, not an error
    """A probing chain met an entry that a filter changes."""


@dataclass(slots=True)
class Census:
    """Counts of one pass."""

    entries_in: int = 0
    entries_out: int = 0
    dropped: int = 0
    added: int = 0
    altered: int = 0

    @property
    def changed(self) -> bool:
        return bool(self.dropped or self.added or self.altered)

    def stats(self, bytes_in: int, bytes_out: int) -> LayerStats:
        return LayerStats(
            self.entries_in, self.entries_out, self.dropped, self.added, self.altered, bytes_in, bytes_out
        )


@dataclass(slots=True)
class Chain:
    """Runs the steps. `stages` tells, after the pass, what left the filters between two changes."""

    steps: tuple[Step, ...]
    measure: Callable[[Iterable[Chunk]], Measured] = Measured
    probing: bool = False
    census: Census = field(default_factory=Census)
    stages: dict[int, Measured] = field(default_factory=dict)

    def run(self, plain: Iterable[Chunk]) -> Iterator[bytes]:
        """The layer's new bytes. A probing chain yields nothing and raises FirstChange instead."""
        *earlier, last = [self.steps] if self.probing else _segments(self.steps)
        for segment in earlier:
            plain = self.stages[segment[-1].position] = self.measure(self._segment(segment, plain))
        yield from self._segment(last, plain)

    def _segment(self, steps: tuple[Step, ...], plain: Iterable[Chunk]) -> Iterator[bytes]:
        from occystrap_core.streams.tar import TarReader, serialise  # a run that opens no layer does without

        reader = TarReader(plain, "source")
        first, last = steps[0] is self.steps[0], steps[-1] is self.steps[-1]
        entries = self._entries(reader, steps, count_in=first, count_out=last)
        with attributed("source"):
            if self.probing:
                _exhaust(entries)
                _exhaust(reader.trailer())
            else:
                yield from serialise(entries, reader.trailer())

    def _entries(
        self, reader: Iterable[Entry], steps: tuple[Step, ...], *, count_in: bool, count_out: bool
    ) -> Iterator[Entry]:
        census, through = self.census, _composed(steps)
        seen = written = 0
        for entry in reader:
            seen += 1
            result = through(entry)
            if result is entry:
                written += 1
                yield entry
                continue
            if self.probing:
                raise FirstChange
            if result is None:
                census.dropped += 1
                continue
            census.altered += 1
            written += 1
            yield result
        for entry in self._appended(steps):
            if self.probing:
                raise FirstChange
            census.added += 1
            written += 1
            yield entry
        if count_in:
            census.entries_in = seen
        if count_out:
            census.entries_out = written

    def _appended(self, steps: tuple[Step, ...]) -> Iterator[Entry]:
        for position, step in enumerate(steps):
            later = _composed(steps[position + 1 :])
            with attributed(f"filter {step.name!r}"):
                for entry in step.transform.finish():
                    if (result := later(entry)) is not None:
                        yield result


def _segments(steps: tuple[Step, ...]) -> list[tuple[Step, ...]]:
    """Cut after each observer that stands between two changing filters: its stage must be measured."""
    segments, start = [], 0
    for position, step in enumerate(steps):
        between = any(not s.observes for s in steps[:position]) and any(not s.observes for s in steps[position + 1 :])
        if step.observes and between:
            segments.append(steps[start : position + 1])
            start = position + 1
    segments.append(steps[start:])
    return segments


def _composed(steps: Sequence[Step]) -> Callable[[Entry], Entry | None]:
    calls = [step.transform.entry for step in steps]

    def through_all(entry: Entry) -> Entry | None:
        position = 0
        try:
            for position, call in enumerate(calls):  # noqa: B007  # the handler names the one that raised
                result = call(entry)
                if result is None:
                    return None
                entry = result
        except OccystrapError as error:
            error.side = error.side or f"filter {steps[position].name!r}"
            raise
        return entry

    return through_all


def _exhaust(items: Iterable[object]) -> None:
    for _ in items:
        pass

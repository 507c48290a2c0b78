"""Times in the future."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import NOTHING, Tally, counted
from occystrap_core.contracts import (
    CheckSpec,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    hookimpl,
)

_BLOCK = 512
_MTIME = slice(136, 147)
_MOST = 1 << 33
_DAY = 86_400


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="mtime-range",
        summary="no file is from the future",
        implementation="occystrap_checks.tar.mtime_range:MtimeRange",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Programs like make, and caches that compare times, go wrong with files that are newer than now; a "
        "time beyond the year 2242 does not fit a plain header.",
        example="A build on a machine whose clock is wrong.",
        remedy="Correct the clock and build again, or use the filter normalize-timestamps.",
    )


class MtimeRange(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Times(int(self.context.now) + _DAY)


class Times(LayerExamination):
    """`latest` is a day ahead, which clocks of machines may be."""

    def __init__(self, latest: int) -> None:
        self._latest = latest
        self._digits = b"%011o" % latest
        self._future = Tally()
        self._beyond = Tally()

    def entry(self, entry: Entry) -> Iterable[Remark]:
        raw = entry.raw
        if len(raw) == _BLOCK and raw[_MTIME] <= self._digits:  # octal digits compare as the numbers they are
            return NOTHING
        mtime = entry.mtime
        if mtime >= _MOST:
            self._beyond.add(entry.path)
        elif mtime > self._latest:
            self._future.add(entry.path)
        return NOTHING

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic:
            return
        if self._future.count:
            yield self._future.remark(f"{counted(self._future.count, 'time')} in the future: {self._future}")
        if self._beyond.count:
            found = f"{counted(self._beyond.count, 'time')} beyond what a plain header can say: {self._beyond}"
            yield self._beyond.remark(found)

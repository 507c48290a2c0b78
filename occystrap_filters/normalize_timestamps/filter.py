"""Setting every time of an image, and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from occystrap_core.contracts import DeclaredChanges, Entry, FilterContext, FilterReport, StageLayer, Transform
from occystrap_core.model.errors import OptionError
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_filters.normalize_timestamps.plugin import NormalizeOptions

LATEST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
"""The last second that a config, whose times are RFC 3339, can name."""

_TIMES = frozenset({"mtime", "atime", "ctime", "LIBARCHIVE.creationtime"})


def open_filter(options: NormalizeOptions, context: FilterContext) -> NormalizeTimestamps:
    if not 0 <= options.timestamp <= LATEST:
        raise OptionError(
            f"option 'timestamp': {options.timestamp} is not a time from 0 to {LATEST}",
            hint="write seconds since 1970",
        )
    return NormalizeTimestamps(options)


@dataclass(frozen=True, slots=True)
class NormalizeTimestamps:
    options: NormalizeOptions
    observes: ClassVar[bool] = False

    @property
    def fingerprint(self) -> str:
        return f"normalize-timestamps/1 timestamp={self.options.timestamp} config={self.options.config}"

    @property
    def changes(self) -> DeclaredChanges:
        return DeclaredChanges(frozenset({"mtime", "created"} if self.options.config else {"mtime"}))

    def config(self, config: Mapping[str, Any], image: Image) -> Mapping[str, Any]:
        if not self.options.config:
            return config
        moment = datetime.fromtimestamp(self.options.timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        edited = _created(config, moment)
        if isinstance(steps := config.get("history"), list):
            edited["history"] = [_created(step, moment) if isinstance(step, Mapping) else step for step in steps]
        return edited

    def begin(self, layer: Layer, image: Image) -> Transform:
        return _Normalizing(self.options.timestamp)

    def finish(self, image: Image, layers: tuple[StageLayer, ...]) -> None:
        pass

    def report(self) -> FilterReport:
        return FilterReport()


class _Normalizing:
    __slots__ = ("_mtime",)

    def __init__(self, mtime: int) -> None:
        self._mtime = mtime

    def entry(self, entry: Entry) -> Entry:
        return entry.replaced(mtime=self._mtime, drop_pax=_TIMES)

    def finish(self) -> Iterable[Entry]:
        return ()


def _created(obj: Mapping[str, Any], moment: str) -> dict[str, Any]:
    return {key: moment if key == "created" else value for key, value in obj.items()}

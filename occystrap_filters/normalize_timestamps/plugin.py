"""`-f normalize-timestamps`: one time for everything in an image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import FilterSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class NormalizeOptions:
    timestamp: int = option(0, help="the time, in seconds since 1970", aliases=("ts",))
    config: bool = option(False, help="whether the times in the image's config and history are set too")


@hookimpl
def occystrap_filters() -> Iterable[FilterSpec]:
    yield FilterSpec(
        "normalize-timestamps",
        "Set every time in the layers to the same one, so that equal content gives equal layers",
        "occystrap_filters.normalize_timestamps.filter:open_filter",
        NormalizeOptions,
    )

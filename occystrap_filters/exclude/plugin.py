"""`-f exclude`: paths that the image goes on without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import FilterSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class ExcludeOptions:
    pattern: tuple[str, ...] = option(
        (), required=True, help="globs of paths to drop, several with commas; a directory takes what is in it along"
    )


@hookimpl
def occystrap_filters() -> Iterable[FilterSpec]:
    yield FilterSpec(
        "exclude",
        "Drop files and directories from every layer",
        "occystrap_filters.exclude.filter:open_filter",
        ExcludeOptions,
    )

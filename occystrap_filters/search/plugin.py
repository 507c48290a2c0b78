"""`-f search`: which paths of the layers match a pattern."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import FilterSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class SearchOptions:
    pattern: str = option("", required=True, help="a glob of a whole path or of its last part")
    regex: bool = option(False, help="whether the pattern is a regular expression, found anywhere in a path")
    script_friendly: bool = option(False, help="one line a match: image:tag:layer:path")


@hookimpl
def occystrap_filters() -> Iterable[FilterSpec]:
    yield FilterSpec(
        "search",
        "List the files of each layer that match a pattern; changes nothing",
        "occystrap_filters.search.filter:open_filter",
        SearchOptions,
    )

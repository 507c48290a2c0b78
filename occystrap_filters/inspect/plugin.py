"""`-f inspect`: what the layers are like at one place of the chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from occystrap_core.contracts import FilterSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class InspectOptions:
    file: Path = option(None, required=True, help="a file of JSON lines; one line is added for each image")


@hookimpl
def occystrap_filters() -> Iterable[FilterSpec]:
    yield FilterSpec(
        "inspect",
        "Add a line about the layers and their history to a file; changes nothing",
        "occystrap_filters.inspect.filter:open_filter",
        InspectOptions,
    )

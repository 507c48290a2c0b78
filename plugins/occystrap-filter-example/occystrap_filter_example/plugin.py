"""`-f drop-devices`: an image without device nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import FilterSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class DropDevicesOptions:
    fifos: bool = option(False, help="drop named pipes too")


@hookimpl
def occystrap_filters() -> Iterable[FilterSpec]:
    yield FilterSpec(
        "drop-devices",
        "Drop device nodes, which only root can unpack",
        "occystrap_filter_example.filter:DropDevices",
        DropDevicesOptions,
    )

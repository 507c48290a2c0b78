"""One of many by name: stevedore, told by our index what there is."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any, NoReturn

from stevedore.driver import DriverManager

from occystrap_core.discovery.entry_points import Row


class _Driver(DriverManager):  # type: ignore[type-arg]  # generic in newer versions only
    """Stevedore's own list of entry points, with its cache on disk, is never made."""

    def __init__(self, row: Row) -> None:
        self._row = row
        super().__init__(row.group, row.name, on_load_failure_callback=_hand_on)

    def list_entry_points(self) -> list[EntryPoint]:
        return [EntryPoint(self._row.name, self._row.module, self._row.group)]


def pick(row: Row) -> Any:
    """The plugin behind `row`, imported. Whatever the import raises is raised."""
    return _Driver(row).driver


def _hand_on(manager: object, entry_point: object, error: BaseException) -> NoReturn:
    raise error

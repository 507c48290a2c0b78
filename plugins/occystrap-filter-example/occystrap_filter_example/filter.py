"""Dropping device nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from occystrap_core.contracts import DeclaredChanges, Entry, FilterContext, FilterReport, StageLayer, Transform
from occystrap_core.contracts.entry import BLOCK_DEVICE, CHAR_DEVICE, FIFO, HARDLINK
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_filter_example.plugin import DropDevicesOptions


class DropDevices:
    observes: ClassVar[bool] = False
    changes: ClassVar[DeclaredChanges] = DeclaredChanges(may_drop=True)

    def __init__(self, options: DropDevicesOptions, context: FilterContext) -> None:
        self._kinds = frozenset({CHAR_DEVICE, BLOCK_DEVICE, FIFO} if options.fifos else {CHAR_DEVICE, BLOCK_DEVICE})

    @property
    def fingerprint(self) -> str:
        return f"drop-devices/1 kinds={b''.join(sorted(self._kinds)).decode()}"

    def config(self, config: Mapping[str, Any], image: Image) -> Mapping[str, Any]:
        return config

    def begin(self, layer: Layer, image: Image) -> Transform:
        return _Dropping(self._kinds)

    def finish(self, image: Image, layers: tuple[StageLayer, ...]) -> None:
        pass

    def report(self) -> FilterReport:
        return FilterReport()


class _Dropping:
    """The work on one layer. It remembers what it dropped, for the hard links that follow."""

    def __init__(self, kinds: frozenset[bytes]) -> None:
        self._kinds = kinds
        self._dropped: set[bytes] = set()

    def entry(self, entry: Entry) -> Entry | None:
        unwanted = entry.kind in self._kinds or (
            entry.kind == HARDLINK and entry.linkname.strip(b"/").removeprefix(b"./") in self._dropped
        )
        if not unwanted:
            return entry
        self._dropped.add(entry.path)
        return None

    def finish(self) -> Iterable[Entry]:
        return ()

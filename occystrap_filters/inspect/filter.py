"""Noting what the layers are like as they pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from occystrap_core.contracts import DeclaredChanges, Entry, FilterContext, FilterReport, StageLayer, Transform
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OptionError, TransferError, describe_os_error
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_filters.inspect.appended import append_lines
from occystrap_filters.inspect.plugin import InspectOptions
from occystrap_filters.inspect.record import record


def open_filter(options: InspectOptions, context: FilterContext) -> Inspect:
    file = options.file
    if file.is_dir() or not file.parent.is_dir():
        reason = "is a directory" if file.is_dir() else "is in a directory that does not exist"
        raise OptionError(f"option 'file': {str(file)!r} {reason}")
    return Inspect(file, context.label)


class Inspect:
    """`fingerprint` is empty because a layer out of a cache has no size at this place of the chain."""

    fingerprint = ""
    observes = True
    changes = DeclaredChanges()

    def __init__(self, file: Path, label: tuple[str, str]) -> None:
        self._file = file
        self._label = label
        self._images: list[tuple[Image, tuple[StageLayer, ...]]] = []
        self._configs: dict[Digest, Mapping[str, Any]] = {}

    def config(self, config: Mapping[str, Any], image: Image) -> Mapping[str, Any]:
        self._configs[image.descriptor.digest] = config
        return config

    def begin(self, layer: Layer, image: Image) -> Transform:
        return _Passing()

    def finish(self, image: Image, layers: tuple[StageLayer, ...]) -> None:
        self._images.append((image, layers))

    def report(self) -> FilterReport:
        """Writes the lines: only now is it sure that the run succeeded."""
        try:
            append_lines(self._file, [self._line(image, layers) for image, layers in self._images])
        except OSError as error:
            raise TransferError(describe_os_error(error)) from error
        return FilterReport(data={"file": str(self._file), "images": len(self._images)})

    def _line(self, image: Image, layers: tuple[StageLayer, ...]) -> str:
        config = self._configs.get(image.descriptor.digest, image.config.json)
        return record(*self._label, layers, config)


class _Passing:
    """Looks at nothing: that a layer passes is enough for its size to be known."""

    __slots__ = ()

    def entry(self, entry: Entry) -> Entry:
        return entry

    def finish(self) -> Iterable[Entry]:
        return ()

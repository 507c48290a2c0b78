"""One file of an image, read from as few layers as it takes, the newest first."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

from occystrap_core.contracts.check import Seen
from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, REGULAR, Entry
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.progress import Progress
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.budget import Budget
from occystrap_core.engine.layer_reading import LayerReading, remember
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.matches import KINDS
from occystrap_core.engine.merged_image import normalised
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.engine.newest_first import NewestLayers
from occystrap_core.engine.schedule import Stop, run_all
from occystrap_core.model.errors import InvalidImage, NotFound, UsageError
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.model.shown import shown
from occystrap_core.streams.spool import Spool
from occystrap_core.streams.tar import expanded

_MAX_LINKS = 40


def read_file(source: Input, image: Image, path: bytes, settings: Settings, progress: Progress) -> Spool:
    """The content of the regular file at `path`, complete and checked; close it.

    Symlinks are followed inside the image. Raises NotFound, and UsageError for what has no content.
    """
    return _FileReader(source, image, settings, progress).read(path)


@dataclass(slots=True)
class _FileReader:
    """What a layer has at the place that is looked for when it is read is kept aside: mostly that
    is the file, and no layer is read twice."""

    source: Input
    image: Image
    settings: Settings
    progress: Progress
    _known: NewestLayers = field(init=False)
    _unread: list[Layer] = field(init=False)
    _budget: Budget = field(default_factory=Budget)
    _aside: tuple[int, bytes, Spool] | None = None

    def read(self, path: bytes) -> Spool:
        self._unread = [layer for layer in self.image.layers if layer.is_tar]
        self._known = NewestLayers(len(self.image.layers))
        try:
            return self._content(self._sought(path))
        except BaseException:
            self._drop()
            raise

    def _sought(self, path: bytes) -> Seen:
        try:
            found = self._found(path)
        except NotFound as missing:
            if not self._known.may_be_moved(None):
                raise
            return self._in_the_end(path, missing)
        return self._in_the_end(path) if self._known.may_be_moved(found) else self._named(found)

    def _in_the_end(self, path: bytes, missing: NotFound | None = None) -> Seen:
        """What all layers together have there, by the path that its layer has written it by."""
        while self._unread:
            self._read_next(path)
        layers = [self._known.records.get(place, LayerRecords(place)) for place in range(len(self.image.layers))]
        view = MergedView(layers, ())
        seen = view.follow(path)
        for _ in range(_MAX_LINKS):
            if seen is None:
                raise missing or self._known.not_found(path)
            number = view.number(seen.layer, seen.path)
            if number is None or seen.kind != HARDLINK:
                return _with_content(seen if number is None else layers[seen.layer].seen(number))
            seen = view.linked(seen)
        raise InvalidImage(f"{shown(path)} is a hard link through too many others")

    def _found(self, path: bytes) -> Seen:
        place = self._known.find(path)
        while place.seen is None:
            self._read_next(place.path)
            place = self._known.find(path)
        return place.seen

    def _named(self, seen: Seen) -> Seen:
        """The file behind a hard link, as the layers up to the link's own have it."""
        for _ in range(_MAX_LINKS):
            if seen.kind != HARDLINK:
                return _with_content(seen)
            target = normalised(seen.linkname)
            while (there := self._known.exactly(target, seen.layer)) is None:
                self._read_next(target)
            seen = there
        raise InvalidImage(f"{shown(seen.path)} is a hard link through too many others")

    def _content(self, seen: Seen) -> Spool:
        if not self._holds(seen):
            self._read_layer(self.image.layers[seen.layer], seen.path, Budget())
        assert self._aside is not None
        return self._aside[2]

    def _holds(self, seen: Seen) -> bool:
        return self._aside is not None and self._aside[:2] == (seen.layer, seen.path)

    def _read_next(self, wanted: bytes) -> None:
        if not self._unread:
            raise self._known.not_found(wanted)
        self._known.add(self._read_layer(self._unread.pop(), wanted, self._budget))

    def _read_layer(self, layer: Layer, wanted: bytes, budget: Budget) -> LayerRecords:
        stop = Stop(self.source)
        [records] = run_all(lambda each: self._scan(each, wanted, stop, budget), [layer], 1, stop)
        return records

    def _scan(self, layer: Layer, wanted: bytes, stop: Stop, budget: Budget) -> LayerRecords:
        records = LayerRecords(layer.position, budget)
        task = self.progress.start(f"layer {layer.position + 1}", layer.descriptor.size)
        reading = LayerReading(self.source, layer, lambda chunks: stop.tap(chunks, task))
        with closing(iter(reading)) as entries:
            for entry in entries:
                remember(records, entry)
                if entry.path == wanted and entry.kind == REGULAR:
                    self._keep(layer.position, entry)
        task.done()
        return records

    def _keep(self, layer: int, entry: Entry) -> None:
        """Of a path that a layer has twice, the last counts."""
        self._drop()
        spool = Spool(self.settings.temp_dir)
        self._aside = layer, entry.path, spool
        spool.fill(expanded(entry))

    def _drop(self) -> None:
        if self._aside is not None:
            self._aside[2].close()
            self._aside = None


def _with_content(seen: Seen) -> Seen:
    if seen.kind == DIRECTORY:
        raise UsageError(f"{shown(seen.path or b'/')} is a directory", hint="`occystrap ls` lists it")
    if seen.kind != REGULAR:
        raise UsageError(
            f"{shown(seen.path)} is a {KINDS.get(seen.kind, 'thing of an unknown kind')}: it has no content"
        )
    return seen

"""The file system of an image: all its layers read, and laid over each other."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

from occystrap_core.contracts.check import Seen
from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, REGULAR
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.progress import Progress
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.at_a_time import layers_read_at_a_time
from occystrap_core.engine.layer_reading import LayerReading, remember
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.engine.schedule import Stop, run_all
from occystrap_core.model.errors import NotFound
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.model.shown import shown


def read_merged(source: Input, image: Image, settings: Settings, progress: Progress) -> MergedView:
    records = [LayerRecords(layer.position) for layer in image.layers]
    stop = Stop(source)
    jobs = [_Job(source, layer, records[layer.position], stop, progress) for layer in image.layers if layer.is_tar]
    workers = layers_read_at_a_time(source, settings, (job.layer.descriptor for job in jobs))
    run_all(_Job.run, jobs, workers, stop)
    return MergedView(records, ())


def normalised(path: bytes) -> bytes:
    """A path as layers are compared by: from the root, without empty parts and dots."""
    return b"/".join(part for part in path.split(b"/") if part not in (b"", b"."))


def listed(view: MergedView, path: bytes, *, recursive: bool) -> list[Seen]:
    """What is in the directory at `path`, or the one thing that is there, sorted by path.

    Directories that no layer has an entry for are there all the same. Hard links have the size of their file.
    """
    folder = view.follow(path)
    if folder is None or folder.kind != DIRECTORY:
        single = view.find(path)
        if single is None:
            raise NotFound(f"the image has no {shown(path)}")
        return [_sized(view, single)]
    below = folder.path + b"/" if folder.path else b""
    found: dict[bytes, Seen] = {}
    for seen in view.final():
        rest = seen.path[len(below) :] if seen.path.startswith(below) else b""
        if not rest:
            continue
        for implied in _parents(rest) if recursive else _parents(rest)[:1]:
            found.setdefault(below + implied, Seen(below + implied, seen.layer, DIRECTORY, 0o755, 0, 0, 0, b""))
        if recursive or b"/" not in rest:
            found[seen.path] = _sized(view, seen)
    return [found[name] for name in sorted(found, key=lambda name: name.split(b"/"))]


@dataclass(frozen=True, slots=True)
class _Job:
    source: Input
    layer: Layer
    records: LayerRecords
    stop: Stop
    progress: Progress

    def run(self) -> None:
        task = self.progress.start(f"layer {self.layer.position + 1}", self.layer.descriptor.size)
        reading = LayerReading(self.source, self.layer, lambda chunks: self.stop.tap(chunks, task))
        with closing(iter(reading)) as entries:
            for entry in entries:
                remember(self.records, entry)
        task.done()


def _parents(rest: bytes) -> list[bytes]:
    parts = rest.split(b"/")
    return [b"/".join(parts[:depth]) for depth in range(1, len(parts))]


def _sized(view: MergedView, seen: Seen) -> Seen:
    """A hard link with the size of the file that it is a name of, as its own layer sees it."""
    if seen.kind != HARDLINK:
        return seen
    target = normalised(seen.linkname)
    number = view.number(seen.layer, target)
    there = view.listing(seen.layer).seen(number) if number is not None else view.below(seen.layer, target)
    return replace(seen, size=there.size) if there and there.kind == REGULAR else seen

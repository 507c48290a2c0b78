"""The file system of an image: all its layers read, and laid over each other."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from occystrap_core.contracts.input import Input
from occystrap_core.contracts.progress import Progress
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.at_a_time import layers_read_at_a_time
from occystrap_core.engine.budget import Budget
from occystrap_core.engine.entry_details import EntryDetails
from occystrap_core.engine.layer_reading import LayerReading, remember
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.engine.schedule import Stop, run_all
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer


def read_merged(
    source: Input, image: Image, settings: Settings, progress: Progress
) -> tuple[MergedView, list[EntryDetails]]:
    """The merged view, and the details of each layer's entries by their numbers there."""
    budget = Budget()
    records = [LayerRecords(layer.position, budget) for layer in image.layers]
    details = [EntryDetails(budget) for _ in image.layers]
    stop = Stop(source)
    jobs = [
        _Job(source, layer, records[layer.position], details[layer.position], stop, progress)
        for layer in image.layers
        if layer.is_tar
    ]
    workers = layers_read_at_a_time(source, settings, (job.layer.descriptor for job in jobs))
    run_all(_Job.run, jobs, workers, stop)
    return MergedView(records, ()), details


def normalised(path: bytes) -> bytes:
    """A path as layers are compared by: from the root, without empty parts and dots."""
    return b"/".join(part for part in path.split(b"/") if part not in (b"", b"."))


@dataclass(frozen=True, slots=True)
class _Job:
    source: Input
    layer: Layer
    records: LayerRecords
    details: EntryDetails
    stop: Stop
    progress: Progress

    def run(self) -> None:
        task = self.progress.start(f"layer {self.layer.position + 1}", self.layer.descriptor.size)
        reading = LayerReading(self.source, self.layer, lambda chunks: self.stop.tap(chunks, task))
        with closing(iter(reading)) as entries:
            for entry in entries:
                if remember(self.records, entry) is not None:
                    self.details.add(entry)
        task.done()

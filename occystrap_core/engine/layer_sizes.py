"""What the layers of an image are once they are unpacked: counted, nothing kept."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

from occystrap_core.contracts.input import Input
from occystrap_core.contracts.progress import Progress
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.at_a_time import layers_read_at_a_time
from occystrap_core.engine.layer_reading import LayerReading
from occystrap_core.engine.schedule import Stop, run_all
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import ContentError, LimitExceeded, NotFound, OccystrapError
from occystrap_core.model.image import Image
from occystrap_core.model.layer import Layer
from occystrap_core.model.media_types import Compression


@dataclass(frozen=True, slots=True)
class LayerSize:
    """`compression` is what the blob really is, whatever its media type says."""

    compression: Compression
    uncompressed: int
    entries: int


def measure_layers(
    source: Input, images: Iterable[Image], settings: Settings, progress: Progress
) -> dict[Digest, LayerSize | OccystrapError]:
    """By the digest of the blob, each read once; what is wrong with it where it cannot be read."""
    layers = {layer.descriptor.digest: layer for image in images for layer in image.layers if layer.is_tar}
    stop = Stop(source)

    def measure(layer: Layer) -> LayerSize | OccystrapError:
        task = progress.start(f"layer {layer.position + 1}", layer.descriptor.size)
        reading = LayerReading(source, layer, lambda chunks: stop.tap(chunks, task))
        try:
            with closing(iter(reading)) as entries:
                for _ in entries:
                    pass
        except (ContentError, LimitExceeded, NotFound) as error:
            task.done("not read")
            return error
        task.done()
        return LayerSize(reading.compression, reading.size, reading.entries)

    workers = layers_read_at_a_time(source, settings, (layer.descriptor for layer in layers.values()))
    return dict(zip(layers, run_all(measure, list(layers.values()), workers, stop), strict=True))

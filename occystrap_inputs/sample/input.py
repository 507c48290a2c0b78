"""The sample image as a source: made while it is read, in constant memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.input import Chunk, InputTraits
from occystrap_core.contracts.settings import Settings
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import NotFound
from occystrap_core.model.image import ImageName
from occystrap_core.model.media_types import OCI_LAYER, Compression, in_family, recompressed_layer
from occystrap_core.model.platform import Platform
from occystrap_core.streams.codec import deflate
from occystrap_core.streams.verified import Measured
from occystrap_core.testing.documents import compose_config, compose_index, compose_manifest
from occystrap_inputs.sample.layers import SampleLayer, layer_chunks, sample_layers
from occystrap_inputs.sample.plugin import SampleOptions
from occystrap_inputs.sample.prose import Prose
from occystrap_inputs.sample.recipe import Recipe, read_recipe

CREATED = "2023-11-14T22:13:20Z"
_RUNTIME = {
    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    "WorkingDir": "/",
    "Labels": {"org.opencontainers.image.title": "sample"},
}


@dataclass(frozen=True, slots=True)
class MeasuredLayer:
    descriptor: Descriptor
    diff_id: Digest


class SampleInput:
    """Asking for the root generates every layer once, to know its digest."""

    def __init__(self, address: Address, options: SampleOptions, context: Settings) -> None:
        self._recipe = read_recipe(address, options)
        self.traits = InputTraits(unpacked=options.compression is None)
        self._prose = Prose(self._recipe.seed)
        self._lock = threading.Lock()
        self._root: Document | None = None
        self._documents: dict[Digest, Document] = {}
        self._measured: dict[SampleLayer, MeasuredLayer] = {}

    def name(self) -> ImageName:
        return self._recipe.name

    def root(self) -> Descriptor:
        with self._lock:
            if self._root is None:
                self._root = self._compose()
            return self._root.descriptor()

    def document(self, descriptor: Descriptor) -> bytes:
        self.root()
        document = self._documents.get(descriptor.digest)
        if document is None:
            raise NotFound(f"the sample image has no document {descriptor.digest}")
        return document.raw

    def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
        self.root()
        for layer, measured in self._measured.items():
            if measured.descriptor.digest == descriptor.digest:
                return self._stored(layer_chunks(layer, self._prose))
        raise NotFound(f"the sample image has no blob {descriptor.digest}")

    def close(self) -> None:
        """Nothing is held but memory."""

    def _compose(self) -> Document:
        manifests = [(platform, self._compose_manifest(platform)) for platform in self._recipe.platforms]
        if len(manifests) == 1:
            return manifests[0][1]
        children = [replace(document.descriptor(), platform=platform) for platform, document in manifests]
        return self._remember(compose_index(children, family=self._recipe.family))

    def _compose_manifest(self, platform: Platform) -> Document:
        recipe = self._recipe
        layers = sample_layers(recipe.layers, recipe.files, recipe.size, platform)
        measured = [self._measure(layer) for layer in layers]
        config = compose_config(
            platform,
            [layer.diff_id for layer in measured],
            _history(recipe),
            family=recipe.family,
            created=CREATED,
            also={"config": _RUNTIME},
        )
        descriptors = [layer.descriptor for layer in measured]
        self._remember(config)
        return self._remember(compose_manifest(config.descriptor(), descriptors, family=recipe.family))

    def _remember(self, document: Document) -> Document:
        self._documents[document.digest] = document
        return document

    def _measure(self, layer: SampleLayer) -> MeasuredLayer:
        if layer not in self._measured:
            plain = Measured(layer_chunks(layer, self._prose))
            packed = self._recipe.compression is not Compression.NONE
            stored = Measured(self._stored(plain)) if packed else plain
            for _ in stored:
                pass
            media_type = in_family(recompressed_layer(OCI_LAYER, self._recipe.compression), self._recipe.family)
            self._measured[layer] = MeasuredLayer(Descriptor(media_type, stored.digest, stored.size), plain.digest)
        return self._measured[layer]

    def _stored(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        return deflate(chunks, self._recipe.compression, threads=1)


def _history(recipe: Recipe) -> list[dict[str, Any]]:
    copies = [
        {"created": CREATED, "created_by": f"COPY layer{position} /usr/share/layer{position}"}
        for position in range(recipe.layers)
    ]
    return [
        *copies,
        {"created": CREATED, "created_by": "LABEL org.opencontainers.image.title=sample", "empty_layer": True},
    ]

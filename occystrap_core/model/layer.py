"""Layers: before their bytes were read, and after."""

from __future__ import annotations

from dataclasses import field

from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import is_layer
from occystrap_core.model.value import value


@value
class Layer:
    """A layer as the documents tell it, known by position and descriptor.

    `diff_id` is what the config claims for the uncompressed bytes; None in an artifact,
    whose blobs are not tar layers. The same diff_id may stand in one image twice.
    """

    position: int
    descriptor: Descriptor
    diff_id: Digest | None = None
    created_by: str = ""

    @property
    def is_tar(self) -> bool:
        return self.diff_id is not None and is_layer(self.descriptor.media_type)


@value
class LayerStats:
    """What one pass counted, for summaries and verifiers. Zero where the layer was not opened."""

    entries_in: int = 0
    entries_out: int = 0
    dropped: int = 0
    added: int = 0
    altered: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@value
class SealedLayer:
    """A layer after its bytes were seen: only a pass, a cache or a reuse can make one.

    `blob` is what the destination holds. `changed` is false when the uncompressed content
    is the source's; the blob may still have been recompressed for the destination.
    """

    source: Layer
    diff_id: Digest | None
    blob: Descriptor
    changed: bool
    reused: bool = False
    uncompressed_size: int | None = None
    stats: LayerStats = field(default=LayerStats())

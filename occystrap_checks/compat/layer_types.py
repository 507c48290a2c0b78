"""Layers by what their media types say."""

from __future__ import annotations

from collections.abc import Callable

from occystrap_checks.lenient import as_text
from occystrap_core.contracts import ImageUnderCheck
from occystrap_core.model.media_types import Compression, layer_compression


def layers_where(image: ImageUnderCheck, holds: Callable[[str], bool]) -> list[int]:
    """The positions of the layers whose media type answers."""
    return [layer.position for layer in image.layers if holds(as_text(layer.reference.get("mediaType")))]


def is_zstd(media_type: str) -> bool:
    return layer_compression(media_type) is Compression.ZSTD


def are(positions: list[int]) -> str:
    """`layer 2 is`, `layers 1 and 3 are`, `12 layers are`: people count from 1."""
    numbers = [str(position + 1) for position in positions]
    if len(positions) == 1:
        return f"layer {numbers[0]} is"
    if len(positions) > 6:
        return f"{len(positions)} layers are"
    return f"layers {', '.join(numbers[:-1])} and {numbers[-1]} are"

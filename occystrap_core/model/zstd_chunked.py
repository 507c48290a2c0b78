"""The annotations by which a zstd:chunked layer tells where its table of contents is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occystrap_core.model.value import value

PREFIXES = ("io.github.containers.zstd-chunked.", "io.containers.zstd-chunked.")
"""As podman writes them today, and as it did at first."""


@value
class ChunkedToc:
    """What the annotations say, however wrong: as text, empty where they say nothing."""

    checksum: str
    position: str

    @property
    def numbers(self) -> tuple[int, int, int] | None:
        """Where it begins, how long it is, and how long unpacked."""
        parts = self.position.split(":")
        if len(parts) != 4 or not all(part.isdecimal() and len(part) < 19 for part in parts):
            return None
        return int(parts[0]), int(parts[1]), int(parts[2])


def chunked_toc(annotations: Mapping[str, Any]) -> ChunkedToc | None:
    """None for a layer that is not annotated so."""
    for prefix in PREFIXES:
        found = [annotations.get(prefix + key) for key in ("manifest-checksum", "manifest-position")]
        if found != [None, None]:
            checksum, position = (each if isinstance(each, str) else "" for each in found)
            return ChunkedToc(checksum, position)
    return None

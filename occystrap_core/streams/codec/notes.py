"""What a reader noticed about a compressed stream, for those who judge it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class StreamNotes:
    """`members` counts gzip members or zstd frames with content; `skippable_first` says that a
    zstd stream began with a skippable frame; `window` is the largest that a zstd frame asked for;
    `trailing_junk` that something follows the last of them that is neither."""

    members: int = 0
    skippable_first: bool = False
    window: int = 0
    trailing_junk: bool = False

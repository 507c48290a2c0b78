"""What a blob is compressed with, by its first bytes."""

from __future__ import annotations

from occystrap_core.model.media_types import Compression

SNIFF_LENGTH = 4
"""How many bytes `sniff` wants to see."""

_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE_TAIL = b"\x2a\x4d\x18"


def sniff(head: bytes) -> Compression | None:
    """GZIP or ZSTD by their magic numbers, None for anything else."""
    if head[:3] == _GZIP:
        return Compression.GZIP
    if head[:4] == _ZSTD or _is_skippable(head):
        return Compression.ZSTD
    return None


def _is_skippable(head: bytes) -> bool:
    return head[1:4] == _ZSTD_SKIPPABLE_TAIL and head[0] & 0xF0 == 0x50

"""How far compressed data may expand."""

from __future__ import annotations

from dataclasses import dataclass

from occystrap_core.model.errors import LimitExceeded

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class InflateLimits:
    """`max_bytes` caps the uncompressed size.

    `max_ratio` caps uncompressed over compressed size once more than `ratio_after` bytes came
    out. The default lies above what gzip can reach (1032), so no gzip layer of zero-filled
    files is ever refused; zstd can reach 32 000, and a zstd layer of zeros is refused past 1 GiB.
    `max_window` caps the memory that a zstd frame may ask for: what `zstd --long=27` writes.
    """

    max_bytes: int = 1024 * _GIB
    max_ratio: int = 1100
    ratio_after: int = _GIB
    max_window: int = 128 << 20

    def check(self, compressed: int, uncompressed: int) -> None:
        if uncompressed > self.max_bytes:
            raise LimitExceeded(f"the uncompressed data is larger than the limit of {self.max_bytes} bytes")
        if uncompressed > self.ratio_after and uncompressed > compressed * self.max_ratio:
            raise LimitExceeded(
                f"the data expands more than the limit of {self.max_ratio} times: "
                f"{compressed} bytes gave {uncompressed} and more"
            )


DEFAULT_LIMITS = InflateLimits()

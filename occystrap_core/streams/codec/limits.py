"""How far compressed data may expand."""

from __future__ import annotations

from occystrap_core.model.errors import LimitExceeded
from occystrap_core.model.value import value

_GIB = 1 << 30


@value
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


DEFAULT_LIMITS = InflateLimits()


class Meter:
    """Counts what goes into and comes out of one stream, and stops it at its limits."""

    __slots__ = ("_limits", "_seen", "taken")

    def __init__(self, limits: InflateLimits) -> None:
        self._limits = limits
        self._seen = 0
        self.taken = 0

    def passed(self, count: int) -> None:
        self._seen += count
        limits = self._limits
        if self._seen > limits.max_bytes:
            raise LimitExceeded(f"the uncompressed data is larger than the limit of {limits.max_bytes} bytes")
        if self._seen > limits.ratio_after and self._seen > self.taken * limits.max_ratio:
            raise LimitExceeded(
                f"the data is a decompression bomb: {self.taken} bytes became {self._seen} and more, "
                f"the limit is {limits.max_ratio} times"
            )

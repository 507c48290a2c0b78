"""The times in a header block."""

from __future__ import annotations

from functools import lru_cache

from occystrap_core.streams.tar import header
from occystrap_core.streams.tar.header import cleared, sealed
from occystrap_core.streams.tar.numbers import encode_octal

HEADER_TIMES = range(1 << 33)
"""The times that an octal header field can say."""

_STAR_TIMES = slice(476, 500)


@lru_cache(16)
def _time_field(mtime: int) -> tuple[bytes, bytes, int]:
    """A header's time field, its digits alone, and the sum of its bytes.

    It says 0 where only a PAX record can say the time."""
    field = encode_octal(mtime, 12) or b"00000000000\0"
    return field, field.lstrip(b"0").rstrip(b"\0"), sum(field)


@lru_cache(4096)
def _checksum_field(total: int) -> bytes:
    return b"%06o\0 " % total


def with_time(block: bytes, mtime: int) -> bytes:
    """The block with another time, and without the further times of GNU and star; itself if it says so already."""
    if block[508] or ((block[345] or block[357]) and header.is_gnu(block)):
        block = _without_further_times(block)
    field, digits, total = _time_field(mtime)
    old = block[136:148]
    if old == field or old.strip(b" \0").lstrip(b"0") == digits:
        return block
    total += header.byte_sum(block) - sum(block[136:156]) + 8 * 0x20
    return b"".join((block[:136], field, _checksum_field(total), block[156:]))


def _without_further_times(block: bytes) -> bytes:
    if header.is_star(block) and any(block[_STAR_TIMES]):
        return sealed(cleared(block, _STAR_TIMES))
    if header.is_gnu(block) and any(block[header.GNU_TIMES]) and header.gnu_times(block) is not None:
        return sealed(cleared(block, header.GNU_TIMES))
    return block

"""The headers of the archives that are written: 0644, root's, 1970, and nothing else."""

from __future__ import annotations

from occystrap_core.streams.tar import END_OF_ARCHIVE, make_entry
from occystrap_core.streams.tar.header import BLOCK, GNU_MAGIC, MAGIC, SIZE, sealed

RECORD = 20 * BLOCK
"""What an archive's length is a multiple of."""

_OCTAL_LIMIT = 8 << 30
_NAME_ROOM = 100


def header(name: str, size: int) -> bytes:
    """One block for every name that `is_short`, whatever the size."""
    if size < _OCTAL_LIMIT or not is_short(name):
        return make_entry(name.encode(), size=size, body=()).raw
    block = make_entry(name.encode()).raw
    number = b"\x80" + size.to_bytes(SIZE.stop - SIZE.start - 1, "big")
    return sealed(
        b"".join((block[: SIZE.start], number, block[SIZE.stop : MAGIC.start], GNU_MAGIC, block[MAGIC.stop :]))
    )


def is_short(name: str) -> bool:
    return len(name) <= _NAME_ROOM and name.isascii()


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def end_of_archive(position: int) -> bytes:
    """Two zero blocks at least, up to a whole record."""
    return END_OF_ARCHIVE + bytes(-(position + len(END_OF_ARCHIVE)) % RECORD)

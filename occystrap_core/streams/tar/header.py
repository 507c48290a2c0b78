"""One header block: where its fields are, and whether Go would take it for one."""

from __future__ import annotations

from occystrap_core.model.errors import InvalidTar
from occystrap_core.streams.codec.checksums import adler32
from occystrap_core.streams.tar.numbers import numeric, octal

BLOCK = 512
ZERO_BLOCK = bytes(BLOCK)
END_OF_ARCHIVE = bytes(2 * BLOCK)

NAME = slice(0, 100)
MODE = slice(100, 108)
UID = slice(108, 116)
GID = slice(116, 124)
SIZE = slice(124, 136)
MTIME = slice(136, 148)
CHECKSUM = slice(148, 156)
TYPE = slice(156, 157)
LINKNAME = slice(157, 257)
MAGIC = slice(257, 265)
UNAME = slice(265, 297)
GNAME = slice(297, 329)
DEVMAJOR = slice(329, 337)
DEVMINOR = slice(337, 345)
PREFIX = slice(345, 500)

GNU_ATIME = slice(345, 357)
GNU_CTIME = slice(357, 369)
GNU_TIMES = slice(345, 369)
GNU_REAL_SIZE = slice(483, 495)

STAR_PREFIX = slice(345, 476)
STAR_ATIME = slice(476, 488)
STAR_CTIME = slice(488, 500)
STAR_TRAILER = slice(508, 512)

USTAR_MAGIC = b"ustar\x0000"
GNU_MAGIC = b"ustar  \0"

_IDS = slice(100, 124)
_OCTAL_DIGITS = b"01234567"
_OWNERS = slice(257, 345)
_CACHED = 4096
_V7, _POSIX, _GNU = range(3)


def text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def is_gnu(block: bytes) -> bool:
    return block[MAGIC] == GNU_MAGIC


def is_posix(block: bytes) -> bool:
    """USTAR, PAX or star: all say `ustar`."""
    return block[257:263] == b"ustar\0"


def is_star(block: bytes) -> bool:
    return is_posix(block) and block[STAR_TRAILER] == b"tar\0"


def has_owner_names(block: bytes) -> bool:
    """Anything younger than V7, which ends before these fields."""
    return is_posix(block) or is_gnu(block)


def byte_sum(block: bytes) -> int:
    """Adler-32 adds bytes at the speed of C; exact as long as the sum is below its modulus."""
    if block.isascii():
        return (adler32(block) & 0xFFFF) - 1
    return (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2


def checksum(block: bytes) -> int:
    return byte_sum(block) - sum(block[CHECKSUM]) + 8 * 0x20


def sealed(block: bytes) -> bytes:
    """`block` with its checksum put right."""
    return b"%b%06o\0 %b" % (block[:148], checksum(block), block[156:])


def put(block: bytes, where: slice, value: bytes) -> bytes:
    """`block` with another field; its checksum is wrong then."""
    return b"%b%b%b" % (block[: where.start], value.ljust(where.stop - where.start, b"\0"), block[where.stop :])


def cleared(block: bytes, where: slice) -> bytes:
    return put(block, where, b"")


def with_name(block: bytes, name: bytes, before: bytes) -> bytes:
    """`block` with another name; only a USTAR header has room for something `before` it."""
    if is_star(block):
        block = cleared(block, STAR_PREFIX)
    elif is_posix(block):
        block = put(block, PREFIX, before)
    elif prefix(block):
        block = cleared(block, GNU_TIMES)
    return put(block, NAME, name)


def gnu_times(block: bytes) -> tuple[int, int] | None:
    """Access and change time of a GNU header, None where something else lies there."""
    try:
        return _time_or_zero(block[GNU_ATIME]), _time_or_zero(block[GNU_CTIME])
    except InvalidTar:
        return None


def _time_or_zero(field: bytes) -> int:
    return numeric(field) if field[0] else 0


def prefix(block: bytes) -> bytes:
    """What stands before the name: a GNU header has none, unless old Go wrote it by mistake."""
    if is_star(block):
        return text(block[STAR_PREFIX])
    if is_posix(block):
        return text(block[PREFIX])
    if is_gnu(block) and gnu_times(block) is None:
        found = text(block[PREFIX])
        return found if found.isascii() else b""
    return b""


def full_name(block: bytes) -> bytes:
    before = prefix(block)
    return before + b"/" + text(block[NAME]) if before else text(block[NAME])


def _signed_checksum(block: bytes) -> int:
    """What Sun's tar wrote: bytes taken as signed."""
    high = sum(1 for byte in block[:148] + block[156:] if byte >= 0x80)
    return checksum(block) - 256 * high


class HeaderParser:
    """Checks header blocks. What stood in an earlier header just so is not checked again."""

    __slots__ = ("_ids", "_numbers", "_owners", "_sums")

    def __init__(self) -> None:
        self._sums: dict[bytes, int] = {}
        self._ids: dict[bytes, int] = {}
        self._numbers: dict[bytes, int] = {}
        self._owners: dict[bytes, int] = {}

    def parse(self, block: bytes) -> tuple[bytes, int, int]:
        """Name, type flag and size; InvalidTar where Go would refuse any field."""
        if not block.isascii() or (adler32(block) & 0xFFFF) != self._sums.get(block[148:156]):
            self._check_sum(block)
        if block[100:124] not in self._ids:
            self._check_ids(block[_IDS])
        # Nothing but octal digits and one NUL is a number wherever that stands; times seldom repeat.
        if block[136:148].strip(_OCTAL_DIGITS) != b"\0" and block[136:148] not in self._numbers:
            self._number(block[MTIME])
        size = self._numbers.get(block[124:136])
        if size is None:
            size = self._number(block[SIZE])
        if size < 0:
            raise InvalidTar("an entry has a negative size")
        family = self._owners.get(block[257:345])
        if family is None:
            family = self._check_owners(block)
        if family and (block[345] or block[357] or block[508]):
            return self._full_name(block), block[156], size
        end = block.find(0, 0, 100)
        return block[:end] if end >= 0 else block[:100], block[156], size

    def _full_name(self, block: bytes) -> bytes:
        if is_star(block):
            numeric(block[STAR_ATIME])
            numeric(block[STAR_CTIME])
        return full_name(block)

    def _check_sum(self, block: bytes) -> None:
        field, found = block[CHECKSUM], checksum(block)
        said = found if field == b"%06o\0 " % found else octal(field)
        if said == found:
            _remember(self._sums, field, said + sum(field) - 8 * 0x20 + 1)
        elif said != _signed_checksum(block):
            raise InvalidTar("the checksum of a tar header is wrong")

    def _check_ids(self, field: bytes) -> None:
        for start in (0, 8, 16):
            numeric(field[start : start + 8])
        _remember(self._ids, field, 0)

    def _check_owners(self, block: bytes) -> int:
        family = _POSIX if is_posix(block) else _GNU if is_gnu(block) else _V7
        if family != _V7:
            numeric(block[DEVMAJOR])
            numeric(block[DEVMINOR])
        _remember(self._owners, block[_OWNERS], family)
        return family

    def _number(self, field: bytes) -> int:
        value = numeric(field)
        _remember(self._numbers, field, value)
        return value


def _remember(cache: dict[bytes, int], field: bytes, value: int) -> None:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[field] = value

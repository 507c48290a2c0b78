"""PAX extended headers: the records, read as strictly as Go reads them."""

from __future__ import annotations

import re
from binascii import Error as BinasciiError
from binascii import a2b_base64
from collections.abc import Iterable, Mapping
from functools import lru_cache

from occystrap_core.model.errors import InvalidTar
from occystrap_core.streams.tar.numbers import decimal, seconds

_TEXTS = frozenset({b"path", b"linkpath", b"uname", b"gname"})
_WHOLE = frozenset({"uid", "gid", "size"})
_TIMES = frozenset({"mtime", "atime", "ctime"})
_CHECKED = _WHOLE | _TIMES
_SPARSE_OFFSET, _SPARSE_LENGTH = "GNU.sparse.offset", "GNU.sparse.numbytes"
_SHORTEST_RECORD = 5
_LONGEST_LENGTH = 24
_SMALL = 4096
_PLAIN_TIME = re.compile(rb"[0-9]{1,18}(?:\.[0-9]*)?\Z")


Record = tuple[str, bytes, bytes]
"""Keyword, value, and the whole record as it stands in the header."""


def decode_key(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def encode_key(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


def records(data: bytes) -> list[Record]:
    """The records of an extended header in order; InvalidTar at the first malformed one."""
    return _lately_parsed(data) if len(data) <= _SMALL else _parsed(data)


def _parsed(data: bytes) -> list[Record]:
    found = []
    position, end = 0, len(data)
    while position < end:
        space = data.find(b" ", position, position + _LONGEST_LENGTH)
        digits = data[position:space] if space > 0 else b""
        if not digits.isdigit():
            raise InvalidTar("a PAX record does not begin with its length")
        length = int(digits)
        stop = position + length
        if length < _SHORTEST_RECORD or stop > end or stop <= space + 1 or data[stop - 1] != 0x0A:
            raise InvalidTar("a PAX record does not end where it says")
        key, equals, value = data[space + 1 : stop - 1].partition(b"=")
        if not equals or not key:
            raise InvalidTar("a PAX record has no keyword")
        if b"\0" in (value if key in _TEXTS else key):
            raise InvalidTar("a PAX record holds a NUL byte")
        found.append((key.decode("utf-8", "surrogateescape"), value, data[position:stop]))
        position = stop
    return found


_lately_parsed = lru_cache(8)(_parsed)
"""An entry that is read and then edited is parsed once."""


def mapping(data: bytes) -> dict[str, bytes]:
    """Keyword to value, the last one of a name winning.

    The maps of GNU's sparse format 0.0, which repeat a keyword, come as one of format 0.1."""
    every = records(data)
    found = {key: value for key, value, _ in every}
    if _SPARSE_OFFSET in found or _SPARSE_LENGTH in found:
        found.pop(_SPARSE_OFFSET, None)
        found.pop(_SPARSE_LENGTH, None)
        found["GNU.sparse.map"] = _joined_map(every)
    return found


def _joined_map(every: list[Record]) -> bytes:
    numbers: list[bytes] = []
    for key, value, _ in every:
        if key in (_SPARSE_OFFSET, _SPARSE_LENGTH):
            _append_to_map(numbers, key, value)
    return b",".join(numbers)


def _append_to_map(sparse: list[bytes], key: str, value: bytes) -> None:
    expected = _SPARSE_LENGTH if len(sparse) % 2 else _SPARSE_OFFSET
    if key != expected or b"," in value:
        raise InvalidTar("a sparse map in a PAX header is out of order")
    sparse.append(value)


def check_values(found: Mapping[str, bytes]) -> None:
    """InvalidTar where a number or a time is none. An empty value means: no such record."""
    for key in _CHECKED.intersection(found):
        value = found[key]
        if not value:
            continue
        if key in _WHOLE:
            decimal(value)
        elif not _PLAIN_TIME.match(value):
            seconds(value)


def size(found: Mapping[str, bytes], otherwise: int) -> int:
    said = found.get("size")
    return decimal(said) if said else otherwise


def encode_record(key: str, value: bytes) -> bytes:
    if not key or "=" in key or "\0" in key:
        raise InvalidTar(f"{key!r} cannot be the keyword of a PAX record")
    rest = b" %b=%b\n" % (encode_key(key), value)
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return b"%d%b" % (length, rest)


def encode(found: Mapping[str, bytes]) -> bytes:
    """Sorted, so that equal records give equal bytes; `hdrcharset` rules those after it."""
    keys = sorted(found, key=lambda key: (key != "hdrcharset", key))
    return b"".join(encode_record(key, found[key]) for key in keys)


def edited(data: bytes, drop: Iterable[str], put: Mapping[str, bytes]) -> bytes:
    """`data` without the records of `drop`, with those of `put` in the place of their
    forerunners or at the end; every other record byte for byte."""
    left = dict(put)
    gone = frozenset(drop) | frozenset(put)
    kept: list[bytes] = []
    for key, _, raw in records(data):
        if key in left:
            kept.append(encode_record(key, left.pop(key)))
        elif key not in gone:
            kept.append(raw)
    kept.extend(encode_record(key, value) for key, value in left.items())
    return b"".join(kept)


_SCHILY, _LIBARCHIVE = "SCHILY.xattr.", "LIBARCHIVE.xattr."
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def xattrs(found: Mapping[str, bytes]) -> dict[str, bytes]:
    """Extended attributes by name. libarchive writes each twice: in base64 under a name with
    percent escapes, and plainly, which is what everybody reads."""
    result: dict[str, bytes] = {}
    for key, value in found.items():
        if key.startswith(_LIBARCHIVE):
            result[_unescaped(key[len(_LIBARCHIVE) :])] = _decoded(value)
    for key, value in found.items():
        if key.startswith(_SCHILY):
            result[key[len(_SCHILY) :]] = value
    return result


def _unescaped(name: str) -> str:
    return decode_key(_ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), encode_key(name)))


def _decoded(value: bytes) -> bytes:
    try:
        return a2b_base64(value + b"=" * (-len(value) % 4))
    except BinasciiError as error:
        raise InvalidTar("a LIBARCHIVE.xattr record is not base64") from error

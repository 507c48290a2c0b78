"""Numbers as tar headers spell them: octal, base-256, and the decimals of PAX records."""

from __future__ import annotations

import re

from occystrap_core.model.errors import InvalidTar

INT64_MAX = (1 << 63) - 1
_DECIMAL = re.compile(rb"[+-]?[0-9]+\Z")
_OCTAL = re.compile(rb"[0-7]+\Z")
_LONGEST_DECIMAL = 4096


def octal(field: bytes) -> int:
    """An octal header field; blanks and NULs around it do not count, an empty one is 0."""
    digits = field.strip(b" \0").partition(b"\0")[0]
    if not digits:
        return 0
    if not _OCTAL.match(digits):
        raise InvalidTar(f"the number {digits!r} in a tar header is not octal")
    return int(digits, 8)


def numeric(field: bytes) -> int:
    """A header field that is octal, or base-256 as its first bit says; may be negative."""
    if not field[0] & 0x80:
        return octal(field)
    value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    if field[0] & 0x40:
        value -= 1 << (8 * len(field) - 1)
    if not -INT64_MAX - 1 <= value <= INT64_MAX:
        raise InvalidTar("a number in a tar header does not fit 64 bits")
    return value


def decimal(text: bytes) -> int:
    """A whole number in a PAX record or a sparse map."""
    if not _DECIMAL.match(text) or len(text) > _LONGEST_DECIMAL:
        raise InvalidTar(f"{text[:40]!r} is not a whole number")
    value = int(text)
    if not -INT64_MAX - 1 <= value <= INT64_MAX:
        raise InvalidTar("a number in an extended header does not fit 64 bits")
    return value


def seconds(text: bytes) -> float:
    """A PAX time: seconds, with a fraction or without."""
    before, _, fraction = text.partition(b".")
    whole = int(before) if before.isdigit() and len(before) < 19 else decimal(before)
    if not fraction:
        return whole
    if not fraction.isdigit():
        raise InvalidTar(f"{text[:40]!r} is not a time")
    part = int(fraction[:9].ljust(9, b"0")) / 1e9
    return whole - part if text[:1] == b"-" else whole + part


def encode_octal(value: int, width: int) -> bytes | None:
    """`value` with a closing NUL, or None where it does not fit the field."""
    if not 0 <= value < 1 << (3 * (width - 1)):
        return None
    return b"%0*o\0" % (width - 1, value)


def spelled_seconds(value: int | float) -> bytes:
    """A time as a PAX record spells it."""
    if isinstance(value, int) or value.is_integer():
        return b"%d" % int(value)
    text = repr(value)
    return (text if "e" not in text else f"{value:.9f}").encode()

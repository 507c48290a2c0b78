"""The few forms of DER that a certificate is written in."""

from __future__ import annotations

from datetime import datetime


def tagged(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 128:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 128 | len(size))) + size + content


def sequence(*parts: bytes) -> bytes:
    return tagged(0x30, b"".join(parts))


def set_of(part: bytes) -> bytes:
    return tagged(0x31, part)


def explicit(number: int, content: bytes) -> bytes:
    return tagged(0xA0 | number, content)


def integer(number: int) -> bytes:
    """Of a number that is not negative."""
    return tagged(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def true() -> bytes:
    return tagged(0x01, b"\xff")


def octets(content: bytes) -> bytes:
    return tagged(0x04, content)


def bits(content: bytes, unused: int = 0) -> bytes:
    return tagged(0x03, bytes((unused,)) + content)


def text(content: str) -> bytes:
    return tagged(0x0C, content.encode())


def time(when: datetime) -> bytes:
    """Of a moment in UTC before the year 2050."""
    return tagged(0x17, when.strftime("%y%m%d%H%M%SZ").encode())


def object_id(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    return tagged(0x06, b"".join(map(_base_128, (40 * first + second, *rest))))


def _base_128(number: int) -> bytes:
    septets = [number & 127]
    while number := number >> 7:
        septets.append(128 | number & 127)
    return bytes(reversed(septets))

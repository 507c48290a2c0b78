"""New headers: USTAR where the values fit, a PAX header in front where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from occystrap_core.model.errors import InvalidTar
from occystrap_core.model.value import value
from occystrap_core.streams.tar import pax
from occystrap_core.streams.tar.header import BLOCK, MAGIC, NAME, SIZE, TYPE, USTAR_MAGIC, put, sealed
from occystrap_core.streams.tar.numbers import encode_octal, spelled_seconds
from occystrap_core.streams.tar.segments import padding_of

NAME_ROOM, PREFIX_ROOM, OWNER_ROOM = 100, 155, 32
_PAX_NAME = b"././@PaxHeader"
_FIELD_RECORDS = frozenset({"path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime"})


def _pax_block() -> bytes:
    front = _PAX_NAME.ljust(NAME_ROOM, b"\0") + b"0000644\x000000000\x000000000\0" + b"00000000000\0" * 2
    block = (front + b" " * 8 + b"x").ljust(MAGIC.start, b"\0") + USTAR_MAGIC + bytes(64) + b"0000000\0" * 2
    return block.ljust(BLOCK, b"\0")


PAX_BLOCK = _pax_block()
"""A PAX header that holds nothing yet."""


@value
class Fields:
    """The values of one header."""

    name: bytes
    kind: bytes
    size: int = 0
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    uname: bytes = b""
    gname: bytes = b""
    mtime: int | float = 0
    linkname: bytes = b""
    device: tuple[int, int] = (0, 0)
    pax: Mapping[str, bytes] = field(default_factory=dict)


def encode(fields: Fields) -> tuple[bytes, int]:
    """The header blocks of an entry, and where among them its own block lies."""
    records = {key: value for key, value in fields.pax.items() if key not in _FIELD_RECORDS}
    name, prefix = names(fields.name, records)
    linkname = short(fields.linkname, "linkpath", NAME_ROOM, records)
    uname = short(fields.uname, "uname", OWNER_ROOM, records)
    gname = short(fields.gname, "gname", OWNER_ROOM, records)
    numbers = (
        _always(fields.mode, 8, "mode"),
        number(fields.uid, "uid", 8, records),
        number(fields.gid, "gid", 8, records),
        number(fields.size, "size", 12, records),
        time(fields.mtime, records),
    )
    device = b"".join(_always(value, 8, "device number") for value in fields.device)
    front = b"".join((name.ljust(NAME_ROOM, b"\0"), *numbers, b" " * 8, fields.kind, linkname.ljust(NAME_ROOM, b"\0")))
    owner = uname.ljust(OWNER_ROOM, b"\0") + gname.ljust(OWNER_ROOM, b"\0")
    block = sealed(b"".join((front, USTAR_MAGIC, owner, device, prefix)).ljust(BLOCK, b"\0"))
    before = pax_header(pax.encode(records)) if records else b""
    return before + block, len(before)


def pax_header(data: bytes, block: bytes = PAX_BLOCK) -> bytes:
    """An extended header that holds `data`, padded to whole blocks."""
    return sealed(put(block, SIZE, encode_octal(len(data), 12) or b"")) + data + bytes(padding_of(len(data)))


def global_header(name: bytes, records: Mapping[str, bytes]) -> bytes:
    block = put(put(PAX_BLOCK, NAME, name[:NAME_ROOM]), TYPE, b"g")
    return pax_header(pax.encode(records), block)


def split_name(name: bytes) -> tuple[bytes, bytes] | None:
    """Name and prefix of a USTAR header, None where the name does not fit."""
    if len(name) <= NAME_ROOM:
        return name, b""
    slash = name.find(b"/", max(1, len(name) - NAME_ROOM - 1), PREFIX_ROOM + 1)
    if slash < 0 or slash == len(name) - 1:
        return None
    return name[slash + 1 :], name[:slash]


def is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def names(name: bytes, records: dict[str, bytes]) -> tuple[bytes, bytes]:
    """Name and prefix fields; `records` gets what does not fit them."""
    found = split_name(name)
    if found is not None and _stands_plain(name):
        return found
    return short(name, "path", 0, records), b""


def short(value: bytes, key: str, room: int, records: dict[str, bytes]) -> bytes:
    """`value` for a header field of `room` bytes; what does not fit goes to `records`."""
    if len(value) <= room and _stands_plain(value):
        return value
    if b"\0" in value:
        raise InvalidTar(f"a {key} with a NUL byte cannot be written to a tar archive")
    if not is_utf8(value):
        records.setdefault("hdrcharset", b"BINARY")
    records[key] = value
    return stand_in(value, room or NAME_ROOM)


def _stands_plain(value: bytes) -> bool:
    """Bytes that are no UTF-8 stand best in the header itself, where nobody decodes them."""
    return b"\0" not in value and (value.isascii() or not is_utf8(value))


def stand_in(value: bytes, room: int) -> bytes:
    """What old programs see instead of a value that is in a PAX record: never a directory's name
    that was cut out of a longer one."""
    plain = bytes(byte for byte in value if byte < 0x80)
    return plain if len(plain) <= room else plain[:room].rstrip(b"/")


def number(value: int, key: str, width: int, records: dict[str, bytes]) -> bytes:
    found = encode_octal(value, width)
    if found is None:
        records[key] = b"%d" % value
    return found or encode_octal(0, width) or b""


def time(value: int | float, records: dict[str, bytes]) -> bytes:
    whole = int(value)
    found = encode_octal(whole, 12)
    if whole != value or found is None:
        records["mtime"] = spelled_seconds(value)
    return found or b"00000000000\0"


def _always(value: int, width: int, what: str) -> bytes:
    found = encode_octal(value, width)
    if found is None:
        raise InvalidTar(f"a {what} of {value} cannot be written to a tar archive")
    return found

"""Archives put together block by block, without the code under test."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator

from occystrap_core.streams.tar import TarEntry, TarReader, serialise

END = bytes(1024)
USTAR, GNU, V7 = b"ustar\x0000", b"ustar  \0", bytes(8)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def with_checksum(block: bytes, *, signed: bool = False, style: bytes = b"%06o\0 ") -> bytes:
    blank = block[:148] + b" " * 8 + block[156:]
    total = sum(byte - 256 if signed and byte >= 128 else byte for byte in blank)
    return blank[:148] + (style % total).ljust(8, b"\0") + blank[156:]


def put(block: bytes, offset: int, value: bytes) -> bytes:
    """Other bytes at an offset of a header, the checksum put right."""
    return with_checksum(block[:offset] + value + block[offset + len(value) :])


def header(
    name: bytes = b"file",
    size: int | bytes = 0,
    flag: bytes = b"0",
    *,
    mode: bytes = b"0000644\0",
    uid: bytes = b"0000000\0",
    gid: bytes = b"0000000\0",
    mtime: bytes = b"00000000000\0",
    link: bytes = b"",
    magic: bytes = USTAR,
    rest: bytes = b"",
) -> bytes:
    """`rest` stands behind the magic, from the user's name on."""
    length = b"%011o\0" % size if isinstance(size, int) else size
    front = name.ljust(100, b"\0") + mode + uid + gid + length.ljust(12, b"\0") + mtime.ljust(12, b"\0")
    return with_checksum((front + bytes(8) + flag + link.ljust(100, b"\0") + magic + rest).ljust(512, b"\0"))


def member(name: bytes = b"file", body: bytes = b"", flag: bytes = b"0", **fields: bytes) -> bytes:
    return header(name, len(body), flag, **fields) + padded(body)  # type: ignore[arg-type]  # a subset of the fields


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length += 1
    return b"%d %b=%b\n" % (length, key, value)


def pax(records: dict[bytes, bytes] | bytes, flag: bytes = b"x", **fields: bytes) -> bytes:
    data = records if isinstance(records, bytes) else b"".join(record(key, value) for key, value in records.items())
    return member(b"PaxHeaders/x", data, flag, **fields)


def gnu_long(name: bytes, flag: bytes = b"L") -> bytes:
    return member(b"././@LongLink", name + b"\0", flag, magic=GNU)


def old_sparse(stored: bytes, real_size: int, fragments: list[tuple[int, int]], name: bytes = b"sparse") -> bytes:
    """An old GNU sparse file, its map continued in further blocks where four places are not enough."""
    here, later = fragments[:4], fragments[4:]
    block = bytearray(header(name, len(stored), b"S", magic=GNU))
    block[386:386] = b""
    block[386 : 386 + 24 * len(here)] = b"".join(map(_old_fragment, here))
    block[482] = bool(later)
    block[483:495] = b"%011o\0" % real_size
    blocks = []
    while later:
        part, later = later[:21], later[21:]
        blocks.append(b"".join(map(_old_fragment, part)).ljust(504, b"\0") + bytes([bool(later)]) + bytes(7))
    return with_checksum(bytes(block)) + b"".join(blocks) + padded(stored)


def _old_fragment(fragment: tuple[int, int]) -> bytes:
    return b"%011o\0%011o\0" % fragment


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def read(data: bytes) -> list[TarEntry]:
    return list(TarReader([data]))


def one(data: bytes) -> TarEntry:
    (entry,) = TarReader([data])
    return entry


def contents(data: bytes) -> dict[bytes, bytes]:
    return {entry.name: body_of(entry) for entry in TarReader([data])}


def body_of(entry: TarEntry) -> bytes:
    return b"".join(bytes(piece) for piece in entry.body)


def again(data: bytes, size: int = 1 << 20) -> bytes:
    """What comes out when nothing is changed."""
    reader = TarReader(cut(data, size))
    return b"".join(serialise(reader, reader.trailer()))


def written(entries: Iterable[TarEntry]) -> bytes:
    return b"".join(serialise(entries, [END]))


def as_tarfile_reads(data: bytes) -> Iterator[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        yield from archive

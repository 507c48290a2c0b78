"""Sparse files: where the data lies among the holes, in all formats GNU tar ever wrote."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from occystrap_core.contracts.entry import Entry
from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import InvalidTar, LimitExceeded
from occystrap_core.streams.tar.header import BLOCK, GNU_REAL_SIZE, is_gnu
from occystrap_core.streams.tar.numbers import decimal, numeric

MAP_LIMIT = 1 << 20
EXPANDED_LIMIT = 16 << 30
_ENTRY = 24
_OLD_MAP = slice(386, 483)
_ZEROS = bytes(256 * 1024)

Fragments: TypeAlias = "array[int]"
"""Offset and length of every stretch of data, one after the other."""

TakeBlock = Callable[[], bytes]


def is_sparse_pax(pax: Mapping[str, bytes]) -> bool:
    """Whether the records describe a sparse file in a format that Go knows."""
    version = _version(pax)
    return version in _VERSIONS or (version == (b"", b"") and bool(pax.get("GNU.sparse.map")))


_VERSIONS = frozenset({(b"0", b"0"), (b"0", b"1"), (b"1", b"0")})


def _version(pax: Mapping[str, bytes]) -> tuple[bytes, bytes]:
    return pax.get("GNU.sparse.major", b""), pax.get("GNU.sparse.minor", b"")


def map_follows(pax: Mapping[str, bytes]) -> bool:
    """Format 1.0 keeps its map in front of the data."""
    return _version(pax) == (b"1", b"0")


def old_gnu_size(header: bytes) -> int:
    return numeric(header[GNU_REAL_SIZE])


def real_size(pax: Mapping[str, bytes], otherwise: int) -> int:
    said = pax.get("GNU.sparse.size") or pax.get("GNU.sparse.realsize")
    return decimal(said) if said else otherwise


def old_gnu_map(header: bytes, take_block: TakeBlock) -> tuple[Fragments, bytes]:
    """The map of a type S header, and the blocks of it that follow the header."""
    if not is_gnu(header):
        raise InvalidTar("a sparse file has a header that is not GNU tar's")
    fragments: Fragments = array("q")
    blocks: list[bytes] = []
    part = header[_OLD_MAP]
    while _append_old(fragments, part):
        if len(blocks) * BLOCK >= MAP_LIMIT - BLOCK:
            raise InvalidTar("the map of a sparse file is too long")
        part = take_block()
        blocks.append(part)
    return fragments, b"".join(blocks)


def _append_old(fragments: Fragments, part: bytes) -> bool:
    """Adds the entries of one piece of the map; says whether another piece follows."""
    count = len(part) // _ENTRY
    for start in range(0, count * _ENTRY, _ENTRY):
        if not part[start]:
            break
        fragments.append(numeric(part[start : start + 12]))
        fragments.append(numeric(part[start + 12 : start + 24]))
    return part[count * _ENTRY] != 0


def map_of_records(pax: Mapping[str, bytes]) -> Fragments:
    """Formats 0.0 and 0.1."""
    count = decimal(pax.get("GNU.sparse.numblocks", b""))
    text = pax.get("GNU.sparse.map", b"")
    numbers = text.split(b",") if text else []
    if count < 0 or len(numbers) != 2 * count:
        raise InvalidTar("the map of a sparse file has another length than it says")
    return array("q", map(decimal, numbers))


def map_before_data(take_block: TakeBlock) -> tuple[Fragments, bytes]:
    """Format 1.0: the map, one number a line, and the blocks that hold it."""
    blocks, lines, wanted = bytearray(), 0, 1
    count = None
    while lines < wanted:
        if len(blocks) >= MAP_LIMIT:
            raise InvalidTar("the map of a sparse file is too long")
        block = take_block()
        blocks += block
        lines += block.count(b"\n")
        if count is None and lines:
            count = _count(bytes(blocks.partition(b"\n")[0]))
            wanted = 2 * count + 1
    numbers = bytes(blocks).split(b"\n", wanted)[1:wanted]
    return array("q", map(decimal, numbers)), bytes(blocks)


def _count(text: bytes) -> int:
    count = decimal(text)
    if not 0 <= count <= MAP_LIMIT:
        raise InvalidTar("the map of a sparse file is too long")
    return count


def check(fragments: Fragments, size: int, stored: int) -> None:
    """InvalidTar unless the data lies in order inside the file and is all there."""
    position, data = 0, 0
    for offset, length in pairs(fragments):
        if offset < position or length < 0 or offset + length > size:
            raise InvalidTar("the map of a sparse file contradicts itself")
        position = offset + length
        data += length
    if size < 0 or data != stored:
        raise InvalidTar("a sparse file holds another amount of data than its map says")


def pairs(fragments: Iterable[int]) -> Iterator[tuple[int, int]]:
    numbers = iter(fragments)
    return zip(numbers, numbers, strict=True)


def holes(entry: Entry) -> Iterator[tuple[int, int]]:
    """Offset and length of every stretch of a sparse file that the archive does not store."""
    position = 0
    for offset, length in pairs(_fragments(entry) or ()):
        if not length:
            continue
        if offset > position:
            yield position, offset - position
        position = offset + length
    if _fragments(entry) is not None and entry.size > position:
        yield position, entry.size - position


def _fragments(entry: Entry) -> Fragments | None:
    return getattr(entry, "fragments", None)


def expanded(entry: Entry, limit: int = EXPANDED_LIMIT) -> Iterator[Chunk]:
    """The body as it will be once unpacked: the holes of a sparse file filled with zeros.

    LimitExceeded before the first byte where the file is larger than `limit`."""
    fragments = _fragments(entry)
    if fragments is None:
        return iter(entry.body)
    if entry.size > limit:
        raise LimitExceeded(f"a sparse file unpacks to {entry.size} bytes, more than the limit of {limit}")
    return _filled(fragments, entry.size, entry.body)


def _filled(fragments: Fragments, size: int, body: Iterable[Chunk]) -> Iterator[Chunk]:
    data, left, position = iter(body), memoryview(b""), 0
    for offset, length in pairs(fragments):
        if not length:
            continue
        yield from _zeros(offset - position)
        position = offset + length
        while length:
            left = left or memoryview(next(data))
            yield left[:length]
            length, left = length - len(left[:length]), left[length:]
    yield from _zeros(size - position)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield _ZEROS[:count] if count < len(_ZEROS) else _ZEROS
        count -= len(_ZEROS)

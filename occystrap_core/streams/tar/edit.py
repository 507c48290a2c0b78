"""Other values in the header of an entry that exists, with everything else left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from occystrap_core.streams.tar import encode, header, pax
from occystrap_core.streams.tar.header import BLOCK, sealed
from occystrap_core.streams.tar.numbers import encode_octal, numeric, seconds, spelled_seconds
from occystrap_core.streams.tar.segments import (
    LONG_LINK,
    LONG_NAME,
    PAX_HEADER,
    Segment,
    padding_of,
    segments,
)

_TYPE = header.TYPE.start
_GNU_TIMES = slice(345, 369)
_GNU_SPARSE = slice(386, 495)
_STAR_TIMES = slice(476, 500)
_STRUCTURAL = frozenset({"path", "linkpath", "size"})


@dataclass(frozen=True, slots=True)
class Edits:
    """What to change; None leaves a field as it is. A `size` makes a sparse file a plain one."""

    kind: bytes
    name: bytes | None = None
    linkname: bytes | None = None
    size: int | None = None
    mtime: int | None = None
    drop: frozenset[str] = frozenset()


@lru_cache(16)
def _time_field(mtime: int) -> tuple[bytes, bytes, int]:
    """A header's time field, its digits alone, and the sum of its bytes.

    It says 0 where only a PAX record can say the time."""
    field = encode_octal(mtime, 12) or b"00000000000\0"
    return field, field.lstrip(b"0").rstrip(b"\0"), sum(field)


def with_time(block: bytes, mtime: int) -> bytes:
    """A header block with another time, and without the further times of GNU and star."""
    if block[508] or ((block[345] or block[357]) and header.is_gnu(block)):
        block = _without_further_times(block)
    field, digits, total = _time_field(mtime)
    old = block[136:148]
    if old == field or (old.strip(b" \0").lstrip(b"0") == digits):
        return block
    total += header.byte_sum(block) - sum(block[136:156]) + 8 * 0x20
    return b"%b%b%06o\0 %b" % (block[:136], field, total, block[156:])


def _without_further_times(block: bytes) -> bytes:
    if header.is_star(block) and any(block[_STAR_TIMES]):
        return sealed(_cleared(block, _STAR_TIMES))
    if header.is_gnu(block) and any(block[_GNU_TIMES]) and header.gnu_times(block) is not None:
        return sealed(_cleared(block, _GNU_TIMES))
    return block


def _cleared(block: bytes, where: slice) -> bytes:
    return _put(block, where, b"")


def _put(block: bytes, where: slice, value: bytes) -> bytes:
    return block[: where.start] + value.ljust(where.stop - where.start, b"\0") + block[where.stop :]


def edited(raw: bytes, at: int, records: Mapping[str, bytes], edits: Edits) -> tuple[bytes, int]:
    """The header blocks after the edits, and where among them the entry's own block lies.

    `raw` itself when nothing changes. Extended headers that Go ignores, because another of
    their type follows, go away with the first change."""
    draft = _Draft(raw, at, records)
    if edits.drop:
        draft.drop_records(edits.drop)
    if edits.mtime is not None:
        draft.set_time(edits.mtime)
    if edits.size is not None:
        draft.set_size(edits.size)
    draft.set_kind(edits.kind, explicit=edits.name is not None)
    if edits.name is not None:
        draft.set_name(edits.name)
    if edits.linkname is not None:
        draft.set_linkname(edits.linkname)
    if draft.same_as(raw, at):
        return raw, at
    before = draft.extended_headers()
    return b"".join((before, sealed(draft.block), draft.tail)), len(before)


class _Draft:
    """One entry's header blocks while they are edited."""

    __slots__ = ("_drop", "_put", "_records", "_segments", "block", "tail")

    def __init__(self, raw: bytes, at: int, records: Mapping[str, bytes]) -> None:
        self.block = raw[at : at + BLOCK]
        self.tail = raw[at + BLOCK :]
        self._segments = list(segments(raw, at))
        self._records = records
        self._drop: set[str] = set()
        self._put: dict[str, bytes] = {}

    def drop_records(self, keys: frozenset[str]) -> None:
        if any(key in _STRUCTURAL or key.startswith("GNU.sparse.") for key in keys):
            raise ValueError("PAX records that say what an entry is are replaced, not dropped")
        self._drop |= keys

    def set_time(self, mtime: int) -> None:
        self.block = with_time(self.block, mtime)
        self._segments = [segment._replace(block=with_time(segment.block, mtime)) for segment in self._segments]
        self._drop |= {"atime", "ctime"}
        said = self._records.get("mtime")
        if encode_octal(mtime, 12) is None:
            self._put["mtime"] = spelled_seconds(mtime)
        elif said is not None and not (said and seconds(said) == mtime):
            self._drop.add("mtime")

    def set_size(self, size: int) -> None:
        if numeric(self.block[header.SIZE]) != size or "size" in self._records:
            self._drop.add("size")
            self.block = _put(self.block, header.SIZE, encode.number(size, "size", 12, self._put))
        self._drop |= {key for key in self._records if key.startswith("GNU.sparse.")}
        self._drop |= {"GNU.sparse.offset", "GNU.sparse.numbytes"}
        if self.block[_TYPE] == ord("S"):
            self.block = _cleared(_put(self.block, header.TYPE, b"0"), _GNU_SPARSE)
        self.tail = b""

    def set_kind(self, kind: bytes, explicit: bool) -> None:
        """An old header without a type says by the slash at the end of its name what it is."""
        flag = self.block[header.TYPE]
        if flag == kind or (kind == b"0" and flag in b"7S") or (flag == b"\0" and not explicit and kind in b"05"):
            return
        self.block = _put(self.block, header.TYPE, kind)

    def set_name(self, name: bytes) -> None:
        self._remove(LONG_NAME)
        self._drop.add("path")
        if "GNU.sparse.name" in self._records and "GNU.sparse.name" not in self._drop:
            self._put["GNU.sparse.name"] = name
        self.block = _put(self.block, header.NAME, b"")
        if header.is_star(self.block):
            self.block = _cleared(self.block, header.STAR_PREFIX)
        elif header.is_posix(self.block):
            self._set_split_name(name)
            return
        elif header.prefix(self.block):
            self.block = _cleared(self.block, header.PREFIX)
        short = encode.short(name, "path", encode.NAME_ROOM, self._put)
        self.block = _put(self.block, header.NAME, short)

    def _set_split_name(self, name: bytes) -> None:
        short, prefix = encode.names(name, self._put)
        self.block = _put(_put(self.block, header.NAME, short), header.PREFIX, prefix)

    def set_linkname(self, linkname: bytes) -> None:
        self._remove(LONG_LINK)
        self._drop.add("linkpath")
        short = encode.short(linkname, "linkpath", encode.NAME_ROOM, self._put)
        self.block = _put(self.block, header.LINKNAME, short)

    def _remove(self, kind: int) -> None:
        self._segments = [segment for segment in self._segments if segment.type != kind]

    def same_as(self, raw: bytes, at: int) -> bool:
        return (
            self.block == raw[at : at + BLOCK]
            and len(self.tail) == len(raw) - at - BLOCK
            and not self._put
            and self._drop.isdisjoint(self._records)
            and b"".join(map(b"".join, self._segments)) == raw[:at]
        )

    def extended_headers(self) -> bytes:
        last = {segment.type: index for index, segment in enumerate(self._segments)}
        kept = [segment for index, segment in enumerate(self._segments) if last[segment.type] == index]
        written = [self._with_records(segment) if segment.type == PAX_HEADER else b"".join(segment) for segment in kept]
        if self._put and PAX_HEADER not in last:
            written.append(encode.pax_header(pax.edited(b"", (), self._put)))
        return b"".join(written)

    def _with_records(self, segment: Segment) -> bytes:
        if not self._put and self._drop.isdisjoint(self._records):
            return b"".join(segment)
        data = pax.edited(segment.data, self._drop - self._put.keys(), self._put)
        if not data:
            return b""
        size = encode_octal(len(data), 12) or b""
        return sealed(_put(segment.block, header.SIZE, size)) + data + bytes(padding_of(len(data)))

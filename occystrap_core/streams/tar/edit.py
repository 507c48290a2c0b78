"""Other values in the header of an entry that exists, with everything else left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from occystrap_core.streams.tar import encode, header, pax
from occystrap_core.streams.tar.header import BLOCK, cleared, put, sealed
from occystrap_core.streams.tar.numbers import encode_octal, numeric, seconds, spelled_seconds
from occystrap_core.streams.tar.segments import LONG_LINK, LONG_NAME, PAX_HEADER, Segment, padding_of, segments
from occystrap_core.streams.tar.times import HEADER_TIMES, with_time

_TYPE = header.TYPE.start
_GNU_SPARSE = slice(386, 495)
_STRUCTURAL = frozenset({"path", "linkpath", "size"})
_FURTHER_TIMES = frozenset({"atime", "ctime"})
_MTIME = frozenset({"mtime"})
_SPARSE_MAP = frozenset({"GNU.sparse.offset", "GNU.sparse.numbytes"})


class Edits(NamedTuple):
    """What to change; None leaves a field as it is. A `size` makes a sparse file a plain one."""

    name: bytes | None = None
    linkname: bytes | None = None
    kind: bytes | None = None
    size: int | None = None
    mtime: int | None = None
    drop: frozenset[str] = frozenset()


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
    if edits.kind is not None:
        draft.set_kind(edits.kind)
    if edits.name is not None:
        draft.set_name(edits.name)
    if edits.linkname is not None:
        draft.set_linkname(edits.linkname)
    return draft.finished()


def _retimed(block: bytes, mtime: int) -> bytes:
    """GNU tar gives extended headers the time of the file, all others give them none."""
    return with_time(block, mtime) if block[header.MTIME].strip(b"0 \0") else block


class _Draft:
    """One entry's header blocks while they are edited. The checksum of `_block` is always right."""

    __slots__ = ("_at", "_block", "_changed", "_drop", "_put", "_raw", "_records", "_segments", "_tail")

    def __init__(self, raw: bytes, at: int, records: Mapping[str, bytes]) -> None:
        self._raw = raw
        self._at = at
        self._records = records
        self._segments = list(segments(raw, at))
        self._block = raw[at : at + BLOCK]
        self._tail = raw[at + BLOCK :]
        self._drop: frozenset[str] = frozenset()
        self._put: dict[str, bytes] = {}
        self._changed = False

    def drop_records(self, keys: frozenset[str]) -> None:
        if not keys.isdisjoint(_STRUCTURAL) or any(key.startswith("GNU.sparse.") for key in keys):
            raise ValueError("PAX records that say what an entry is are replaced, not dropped")
        self._drop |= keys

    def set_time(self, mtime: int) -> None:
        self._change(with_time(self._block, mtime))
        for index, (block, data, padding) in enumerate(self._segments):
            changed = _retimed(block, mtime)
            if changed is not block:
                self._segments[index] = Segment(changed, data, padding)
                self._changed = True
        self._drop |= _FURTHER_TIMES
        said = self._records.get("mtime")
        if said and seconds(said) == mtime:
            self._drop -= _MTIME
        elif mtime not in HEADER_TIMES:
            self._put["mtime"] = spelled_seconds(mtime)
        elif said is not None:
            self._drop |= _MTIME

    def set_size(self, size: int) -> None:
        self._drop |= {"size"} | _SPARSE_MAP | {key for key in self._records if key.startswith("GNU.sparse.")}
        if self._tail:
            self._tail, self._changed = b"", True
        block = self._block
        if numeric(block[header.SIZE]) != size or "size" in self._records:
            block = put(block, header.SIZE, encode.number(size, "size", 12, self._put))
        if block[_TYPE] == ord("S"):
            block = cleared(put(block, header.TYPE, b"0"), _GNU_SPARSE)
        self._change_and_seal(block)

    def set_kind(self, kind: bytes) -> None:
        self._change_and_seal(put(self._block, header.TYPE, kind))

    def set_name(self, name: bytes) -> None:
        self._remove(LONG_NAME)
        self._drop |= {"path"}
        if "GNU.sparse.name" in self._records and "GNU.sparse.name" not in self._drop:
            self._put["GNU.sparse.name"] = name
        prefix = b""
        if header.is_posix(self._block) and not header.is_star(self._block):
            name, prefix = encode.names(name, self._put)
        else:
            name = encode.short(name, "path", encode.NAME_ROOM, self._put)
        self._change_and_seal(header.with_name(self._block, name, prefix))

    def set_linkname(self, linkname: bytes) -> None:
        self._remove(LONG_LINK)
        self._drop |= {"linkpath"}
        short = encode.short(linkname, "linkpath", encode.NAME_ROOM, self._put)
        self._change_and_seal(put(self._block, header.LINKNAME, short))

    def _change(self, block: bytes) -> None:
        if block is not self._block:
            self._block, self._changed = block, True

    def _change_and_seal(self, block: bytes) -> None:
        if block != self._block:
            self._change(sealed(block))

    def _remove(self, kind: int) -> None:
        kept = [segment for segment in self._segments if segment.type != kind]
        if len(kept) < len(self._segments):
            self._segments, self._changed = kept, True

    def finished(self) -> tuple[bytes, int]:
        edits_records = bool(self._put) or not self._drop.isdisjoint(self._records)
        if not self._changed and not edits_records:
            return self._raw, self._at
        written = {segment.type: segment for segment in self._segments}
        if edits_records:
            self._edit_records(written)
        before = b"".join([part for segment in written.values() for part in segment])
        return b"".join((before, self._block, self._tail)), len(before)

    def _edit_records(self, written: dict[int, Segment]) -> None:
        found = written.get(PAX_HEADER)
        data = pax.edited(found.data if found else b"", self._drop, self._put)
        if not data:
            written.pop(PAX_HEADER, None)
            return
        block = found.block if found else encode.PAX_BLOCK
        size = encode_octal(len(data), 12) or b""
        written[PAX_HEADER] = Segment(sealed(put(block, header.SIZE, size)), data, bytes(padding_of(len(data))))

"""Other values in the header of an entry that exists, with everything else left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from occystrap_core.streams.tar import encode, header, pax
from occystrap_core.streams.tar.header import BLOCK, cleared, put, sealed
from occystrap_core.streams.tar.numbers import encode_octal, numeric, seconds, spelled_seconds
from occystrap_core.streams.tar.segments import LONG_LINK, LONG_NAME, PAX_HEADER, Segment, padding_of, segments
from occystrap_core.streams.tar.times import HEADER_TIMES, with_time

_TYPE = header.TYPE.start
_GNU_SPARSE = slice(386, 495)
_STRUCTURAL = frozenset({"path", "linkpath", "size"})
_FURTHER_TIMES = frozenset({"atime", "ctime"})
_SPARSE_MAP = frozenset({"GNU.sparse.offset", "GNU.sparse.numbytes"})


@dataclass(frozen=True, slots=True)
class Edits:
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
        draft.block = put(draft.block, header.TYPE, edits.kind)
    if edits.name is not None:
        draft.set_name(edits.name)
    if edits.linkname is not None:
        draft.set_linkname(edits.linkname)
    return draft.finished()


def _retimed(block: bytes, mtime: int) -> bytes:
    """GNU tar gives extended headers the time of the file, all others give them none."""
    return with_time(block, mtime) if block[header.MTIME].strip(b"0 \0") else block


class _Draft:
    """One entry's header blocks while they are edited."""

    __slots__ = ("_at", "_drop", "_put", "_raw", "_records", "_segments", "block", "tail")

    def __init__(self, raw: bytes, at: int, records: Mapping[str, bytes]) -> None:
        self._raw = raw
        self._at = at
        self._records = records
        self._segments = list(segments(raw, at))
        self._drop: frozenset[str] = frozenset()
        self._put: dict[str, bytes] = {}
        self.block = raw[at : at + BLOCK]
        self.tail = raw[at + BLOCK :]

    def drop_records(self, keys: frozenset[str]) -> None:
        if any(key in _STRUCTURAL or key.startswith("GNU.sparse.") for key in keys):
            raise ValueError("PAX records that say what an entry is are replaced, not dropped")
        self._drop |= keys

    def set_time(self, mtime: int) -> None:
        self.block = with_time(self.block, mtime)
        self._segments = [Segment(_retimed(block, mtime), data, padding) for block, data, padding in self._segments]
        self._drop |= _FURTHER_TIMES
        said = self._records.get("mtime")
        if said and seconds(said) == mtime:
            self._drop -= {"mtime"}
        elif mtime not in HEADER_TIMES:
            self._put["mtime"] = spelled_seconds(mtime)
        elif said is not None:
            self._drop |= {"mtime"}

    def set_size(self, size: int) -> None:
        self._drop |= {"size"} | _SPARSE_MAP | {key for key in self._records if key.startswith("GNU.sparse.")}
        self.tail = b""
        if numeric(self.block[header.SIZE]) != size or "size" in self._records:
            self.block = put(self.block, header.SIZE, encode.number(size, "size", 12, self._put))
        if self.block[_TYPE] == ord("S"):
            self.block = cleared(put(self.block, header.TYPE, b"0"), _GNU_SPARSE)

    def set_name(self, name: bytes) -> None:
        self._remove(LONG_NAME)
        self._drop |= {"path"}
        if "GNU.sparse.name" in self._records and "GNU.sparse.name" not in self._drop:
            self._put["GNU.sparse.name"] = name
        prefix = b""
        if header.is_posix(self.block) and not header.is_star(self.block):
            name, prefix = encode.names(name, self._put)
        else:
            name = encode.short(name, "path", encode.NAME_ROOM, self._put)
        self.block = header.with_name(self.block, name, prefix)

    def set_linkname(self, linkname: bytes) -> None:
        self._remove(LONG_LINK)
        self._drop |= {"linkpath"}
        short = encode.short(linkname, "linkpath", encode.NAME_ROOM, self._put)
        self.block = put(self.block, header.LINKNAME, short)

    def _remove(self, kind: int) -> None:
        self._segments = [segment for segment in self._segments if segment.type != kind]

    def finished(self) -> tuple[bytes, int]:
        old = self._raw[self._at : self._at + BLOCK]
        block = old if self.block == old else sealed(self.block)
        pieces = [b"".join(segment) for segment in self._segments]
        if not self._changes_records and b"".join((*pieces, block, self.tail)) == self._raw:
            return self._raw, self._at
        before = self._extended_headers()
        return b"".join((before, block, self.tail)), len(before)

    @property
    def _changes_records(self) -> bool:
        return bool(self._put) or not self._drop.isdisjoint(self._records)

    def _extended_headers(self) -> bytes:
        written = {segment.type: segment for segment in self._segments}
        if self._changes_records:
            self._edit_records(written)
        return b"".join([b"".join(segment) for segment in written.values()])

    def _edit_records(self, written: dict[int, Segment]) -> None:
        found = written.get(PAX_HEADER)
        data = pax.edited(found.data if found else b"", self._drop, self._put)
        if not data:
            written.pop(PAX_HEADER, None)
            return
        block = found.block if found else encode.PAX_BLOCK
        size = encode_octal(len(data), 12) or b""
        written[PAX_HEADER] = Segment(sealed(put(block, header.SIZE, size)), data, bytes(padding_of(len(data))))

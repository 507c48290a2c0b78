"""An entry that was read from an archive, or made: fields are decoded when asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from occystrap_core.contracts.input import Chunk
from occystrap_core.streams.tar import header, pax
from occystrap_core.streams.tar.bodies import GivenBody
from occystrap_core.streams.tar.edit import Edits, edited
from occystrap_core.streams.tar.numbers import decimal, numeric, seconds
from occystrap_core.streams.tar.segments import long_link, records_of
from occystrap_core.streams.tar.sparse import Fragments
from occystrap_core.streams.tar.times import HEADER_TIMES, with_time

GLOBAL = b"g"
"""The kind of a PAX global header: copied as it is, never rewritten, and without a body."""

BODILESS = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
"""Kinds whose body is nothing, whatever size their header claims."""

_META = frozenset({b"x", b"g", b"L", b"K", b"S", b"\0"})

_part_to_drop = re.compile(rb"/[/.]").search  # one search is faster than two of `in`
_SLASH = ord("/")
_NOTHING: Mapping[str, bytes] = {}


def check_kind(kind: bytes) -> None:
    """An entry's kind is one byte, and none that makes it the header of another."""
    if len(kind) != 1 or kind in _META:
        raise ValueError(f"{kind!r} is not the kind of an entry")


class BodySource(Protocol):
    """Where an entry's body comes from. `turn` tells one entry of a source from another."""

    def pieces(self, turn: int, size: int) -> Iterator[Chunk]: ...

    def whole(self, turn: int, size: int) -> bytes | None:
        """Body and padding at once, where they are at hand."""
        ...

    def padding(self, turn: int) -> bytes:
        """What follows the body, up to the next block."""
        ...


class TarEntry:
    """Implements `contracts.Entry`.

    `size` is Go's: what the header says, even for a link, whose body is always empty.
    `at` is where in `raw` the entry's own header block lies, after its extended headers.
    `fragments` is None unless the file is sparse.
    """

    __slots__ = ("_pax", "at", "fragments", "kind", "name", "raw", "size", "source", "stored_size", "turn")

    def __init__(
        self,
        raw: bytes,
        at: int,
        name: bytes,
        kind: bytes,
        size: int,
        stored_size: int,
        source: BodySource,
        turn: int,
        pax: Mapping[str, bytes] | None = None,
        fragments: Fragments | None = None,
    ) -> None:
        self.raw = raw
        self.at = at
        self.name = name
        self.kind = kind
        self.size = size
        self.stored_size = stored_size
        self.source = source
        self.turn = turn
        self._pax = pax
        self.fragments = fragments

    def __repr__(self) -> str:
        return f"TarEntry(name={self.name!r}, kind={self.kind!r}, size={self.size})"

    @property
    def path(self) -> bytes:
        name = self.name
        if not name or name[0] in b"./" or _part_to_drop(name):
            return b"/".join([part for part in name.split(b"/") if part not in (b"", b".")])
        return name[:-1] if name[-1] == _SLASH else name

    @property
    def pax(self) -> Mapping[str, bytes]:
        if self._pax is None:
            self._pax = records_of(self.raw, self.at) if self.at or self.kind == GLOBAL else _NOTHING
        return self._pax

    @property
    def linkname(self) -> bytes:
        if self.at and self.kind != GLOBAL:
            found = long_link(self.raw, self.at) or self.pax.get("linkpath")
            if found:
                return found
        return header.text(self._field(header.LINKNAME))

    @property
    def mode(self) -> int:
        return numeric(self._field(header.MODE))

    @property
    def uid(self) -> int:
        said = self._record("uid")
        return decimal(said) if said else numeric(self._field(header.UID))

    @property
    def gid(self) -> int:
        said = self._record("gid")
        return decimal(said) if said else numeric(self._field(header.GID))

    @property
    def uname(self) -> bytes:
        return self._record("uname") or self._owner(header.UNAME)

    @property
    def gname(self) -> bytes:
        return self._record("gname") or self._owner(header.GNAME)

    @property
    def mtime(self) -> float:
        said = self._record("mtime")
        return seconds(said) if said else numeric(self._field(header.MTIME))

    @property
    def device(self) -> tuple[int, int]:
        if not header.has_owner_names(self._block):
            return 0, 0
        return numeric(self._field(header.DEVMAJOR)), numeric(self._field(header.DEVMINOR))

    @property
    def xattrs(self) -> Mapping[str, bytes]:
        return pax.xattrs(self.pax) if self.pax and self.kind != GLOBAL else _NOTHING

    @property
    def body(self) -> Iterable[Chunk]:
        return self.source.pieces(self.turn, self.stored_size) if self.stored_size else ()

    def replaced(
        self,
        *,
        name: bytes | None = None,
        linkname: bytes | None = None,
        kind: bytes | None = None,
        size: int | None = None,
        mtime: int | None = None,
        drop_pax: Iterable[str] = (),
        body: Iterable[Chunk] | None = None,
    ) -> TarEntry:
        """A PAX global header stays what it is. `size` comes with a body; a body of bytes needs none."""
        if self.kind == GLOBAL:
            return self
        only_time = name is None and linkname is None and kind is None and size is None and body is None
        if only_time and mtime is not None and not self.at and mtime in HEADER_TIMES:
            return self._timed(mtime)
        if kind is not None:
            check_kind(kind)
        new_kind = self.kind if kind is None else kind
        new_size, replaces_body = self._sizes(new_kind, size, body)
        # The name of a sparse file may be in a record that goes away with its map.
        renames = (name is not None and name != self.name) or (replaces_body and self.fragments is not None)
        new_name = self.name if name is None else name
        has_no_type = self.raw[self.at + header.TYPE.start] == 0
        edits = Edits(
            kind=new_kind if new_kind != self.kind or (renames and has_no_type) else None,
            name=new_name if renames else None,
            linkname=None if linkname is None or linkname == self.linkname else linkname,
            size=new_size if replaces_body or new_size != self.size else None,
            mtime=mtime,
            drop=frozenset(drop_pax),
        )
        raw, at = edited(self.raw, self.at, self.pax, edits)
        if replaces_body:
            stored = 0 if body is None else new_size
            return TarEntry(raw, at, new_name, new_kind, new_size, stored, GivenBody(body or ()), stored)
        if raw is self.raw:
            return self
        return self._with_headers(raw, at, new_name, new_kind, new_size)

    def _with_headers(self, raw: bytes, at: int, name: bytes, kind: bytes, size: int) -> TarEntry:
        return TarEntry(raw, at, name, kind, size, self.stored_size, self.source, self.turn, None, self.fragments)

    def _timed(self, mtime: int) -> TarEntry:
        block = self.raw[:512]
        patched = with_time(block, mtime)
        if patched is block:
            return self
        raw = patched if self.fragments is None else patched + self.raw[512:]
        return self._with_headers(raw, 0, self.name, self.kind, self.size)

    def _sizes(self, kind: bytes, size: int | None, body: Iterable[Chunk] | None) -> tuple[int, bool]:
        """The new size, and whether the body is another."""
        bodiless = kind in BODILESS
        if body is not None:
            if bodiless:
                raise ValueError("an entry of this kind has no body")
            return (len(body) if isinstance(body, bytes) else self.size) if size is None else size, True
        if bodiless != (self.kind in BODILESS):
            if size and not bodiless:
                raise ValueError("a size without a body")
            return size or 0, True
        if size not in (None, self.size) and not bodiless:
            raise ValueError("a size without a body")
        return self.size if size is None else size, False

    def _record(self, key: str) -> bytes | None:
        """What a PAX record says of this entry; those of a global header speak of others, and nobody checks them."""
        return None if self.kind == GLOBAL else self.pax.get(key)

    @property
    def _block(self) -> bytes:
        return self.raw[self.at : self.at + header.BLOCK]

    def _field(self, where: slice) -> bytes:
        return self.raw[self.at + where.start : self.at + where.stop]

    def _owner(self, where: slice) -> bytes:
        return header.text(self._field(where)) if header.has_owner_names(self._block) else b""

"""The tar reader: agrees with Go's archive/tar about every entry, or refuses the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_core.contracts.entry import DIRECTORY, REGULAR
from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import InvalidTar, LimitExceeded
from occystrap_core.streams.tar import pax, sparse
from occystrap_core.streams.tar.entry import BODILESS, GLOBAL, TarEntry
from occystrap_core.streams.tar.feed import Feed
from occystrap_core.streams.tar.header import BLOCK, ZERO_BLOCK, HeaderParser, text
from occystrap_core.streams.tar.segments import GLOBAL_HEADER, LONG_LINK, LONG_NAME, PAX_HEADER, padding_of

HEADER_DATA_LIMIT = 1 << 20
"""As in Go: the most that one extended header may hold."""

PENDING_LIMIT = 4 << 20
"""The most that all extended headers of one entry may take together."""

_KINDS = {ord(kind): kind for kind in (b"0", b"1", b"2", b"3", b"4", b"5", b"6")}
_OLD_REGULAR, _REGULAR, _CONTIGUOUS, _SPARSE = 0, ord("0"), ord("7"), ord("S")
_EXTENDED = frozenset({PAX_HEADER, LONG_NAME, LONG_LINK})
_UNEXPECTED_END = "the archive ends in the middle of an entry"


class _Pending:
    """Extended headers that have been read and wait for the entry they speak of."""

    __slots__ = ("blocks", "name", "pax", "size")

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self.size = 0
        self.pax: dict[str, bytes] = {}
        self.name = b""

    def keep(self, block: bytes, data: bytes) -> None:
        self.blocks += block, data
        self.size += BLOCK + len(data)
        if self.size > PENDING_LIMIT:
            raise LimitExceeded(f"the extended headers of one tar entry take more than {PENDING_LIMIT} bytes")


class TarReader:
    """Iterate it once for the entries, then `trailer()` for what follows them.

    An entry's body can be read, once, until the next entry is asked for.
    A PAX global header is an entry of its own, of kind `g`, as in Go: it has no body, and
    its records are `pax`. Extended headers that no entry follows belong to the trailer.
    `side` is whose archive it is: bodies are read, and errors met, wherever an entry has got to.
    """

    def __init__(self, chunks: Iterable[Chunk], side: str = "") -> None:
        self._side = side
        self._feed = Feed(chunks)
        self._parse = HeaderParser().parse
        self._pending: _Pending | None = None
        self._turn = 0
        self._left = 0
        self._pad = 0
        self._tail: list[bytes] | None = None
        self._entries = self._read()
        self.has_end = False
        """Whether the two zero blocks were there that end an archive."""
        self.trailing_bytes = 0
        """How many bytes after the end are not zero; known once the trailer was read."""

    def __iter__(self) -> Iterator[TarEntry]:
        return self._entries

    def _read(self) -> Iterator[TarEntry]:
        # One frame and no helpers for what most entries are: this loop runs once per member.
        feed, parse, kinds, turn = self._feed, self._parse, _KINDS, 0
        try:
            while True:
                rest = self._left + self._pad
                if rest:
                    self._turn = -1
                    start = feed.position + rest
                    if start <= len(feed.buffer):
                        self._left = self._pad = 0
                        feed.position = start
                    else:
                        self._skip_rest()
                start = feed.position
                block = feed.buffer[start : start + BLOCK]
                if len(block) == BLOCK:
                    feed.position = start + BLOCK
                else:
                    block = feed.take(BLOCK)
                if block == ZERO_BLOCK or len(block) < BLOCK:
                    self._end(block)
                    return
                name, flag, size = parse(block)
                turn += 1
                self._turn = turn
                kind = kinds.get(flag)
                if kind is None or self._pending is not None:
                    entry = self._extended(block, name, flag, size)
                    if entry is not None:
                        yield entry
                    continue
                if flag == _REGULAR:
                    self._left = size
                    self._pad = -size & 511
                    yield TarEntry(block, 0, name, kind, size, size, self, turn)
                else:
                    yield TarEntry(block, 0, name, kind, size, 0, self, turn)
        except InvalidTar as error:
            raise self._located(error) from error

    def _located(self, error: InvalidTar) -> InvalidTar:
        return InvalidTar(f"invalid tar archive near byte {self._feed.offset}: {error.message}", side=self._side)

    def _skip_rest(self) -> None:
        left, pad = self._left, self._pad
        self._left = self._pad = 0
        if self._feed.skip(left):
            raise InvalidTar(_UNEXPECTED_END)
        self._feed.skip(pad)

    def _end(self, block: bytes) -> None:
        if block and len(block) < BLOCK:
            raise InvalidTar(_UNEXPECTED_END)
        second = self._feed.take(BLOCK) if block else b""
        if second not in (b"", ZERO_BLOCK):
            raise InvalidTar("an archive goes on after a single zero block")
        self.has_end = bool(second)
        self._tail = [*(self._pending or _Pending()).blocks, block, second]

    def _extended(self, block: bytes, name: bytes, flag: int, size: int) -> TarEntry | None:
        pending = self._pending or _Pending()
        if flag in _EXTENDED:
            self._pending = pending
            self._set_aside(pending, block, flag, size)
            return None
        self._pending = None
        if flag == GLOBAL_HEADER:
            return self._global_header(pending, block, name, size)
        return self._described(pending, block, name, flag, size)

    def _header_data(self, size: int) -> bytes:
        """What an extended header holds, with the padding after it."""
        if not 0 <= size <= HEADER_DATA_LIMIT:
            raise InvalidTar(f"an extended header claims {size} bytes, more than the {HEADER_DATA_LIMIT} allowed")
        data = self._feed.take(size + padding_of(size))
        if len(data) < size:
            raise InvalidTar(_UNEXPECTED_END)
        return data

    def _set_aside(self, pending: _Pending, block: bytes, flag: int, size: int) -> None:
        data = self._header_data(size)
        if flag == PAX_HEADER:
            pending.pax = pax.mapping(data[:size])
        elif flag == LONG_NAME:
            pending.name = text(data[:size])
        pending.keep(block, data)

    def _global_header(self, pending: _Pending, block: bytes, name: bytes, size: int) -> TarEntry:
        data = self._header_data(size)
        records = pax.mapping(data[:size])
        raw = b"".join([*pending.blocks, block, data])
        return TarEntry(raw, pending.size, records.get("path") or name, GLOBAL, 0, 0, self, self._turn, records)

    def _described(self, pending: _Pending, block: bytes, name: bytes, flag: int, size: int) -> TarEntry:
        records = pending.pax
        pax.check_values(records)
        name = pending.name or records.get("path") or name
        size = pax.size(records, size)
        if size < 0:
            raise InvalidTar("an entry has a negative size")
        kind = _kind(flag, name)
        self._left = 0 if kind in BODILESS else size
        self._pad = padding_of(self._left)
        fragments, tail = self._sparse_map(block, flag, records)
        if fragments is not None:
            name, size = self._sparse_fields(block, flag, records, name, size)
            if kind in BODILESS:
                raise InvalidTar("an entry that is not a file has a sparse map")
            sparse.check(fragments, size, self._left)
        raw = b"".join([*pending.blocks, block, tail])
        return TarEntry(raw, pending.size, name, kind, size, self._left, self, self._turn, records, fragments)

    def _sparse_map(self, block: bytes, flag: int, records: dict[str, bytes]) -> tuple[sparse.Fragments | None, bytes]:
        if flag == _SPARSE:
            return sparse.old_gnu_map(block, self._block_between)
        if not sparse.is_sparse_pax(records):
            return None, b""
        if sparse.map_follows(records):
            return sparse.map_before_data(self._block_of_body)
        return sparse.map_of_records(records), b""

    def _sparse_fields(
        self, block: bytes, flag: int, records: dict[str, bytes], name: bytes, size: int
    ) -> tuple[bytes, int]:
        if flag == _SPARSE:
            return name, sparse.old_gnu_size(block)
        return records.get("GNU.sparse.name") or name, sparse.real_size(records, size)

    def _block_between(self) -> bytes:
        block = self._feed.take(BLOCK)
        if len(block) < BLOCK:
            raise InvalidTar(_UNEXPECTED_END)
        return block

    def _block_of_body(self) -> bytes:
        self._left -= BLOCK
        if self._left < 0:
            raise InvalidTar("the map of a sparse file runs past its end")
        return self._block_between()

    def pieces(self, turn: int, size: int) -> Iterator[Chunk]:
        """Part of `entry.BodySource`."""
        self._check(turn, size)
        while self._left:
            piece = self._feed.piece(self._left)
            if not piece:
                raise self._located(InvalidTar(_UNEXPECTED_END))
            self._left -= len(piece)
            yield piece
            if turn != self._turn:
                raise RuntimeError("the body of a tar entry was read on after the next entry was asked for")

    def whole(self, turn: int, size: int) -> bytes | None:
        self._check(turn, size)
        feed = self._feed
        start = feed.position
        end = start + self._left + self._pad
        if end > len(feed.buffer):
            return None
        feed.position = end
        self._left = self._pad = 0
        return feed.buffer[start:end]

    def padding(self, turn: int) -> bytes:
        pad, self._pad = self._pad, 0
        return self._feed.take(pad)

    def _check(self, turn: int, size: int) -> None:
        if turn != self._turn or size != self._left:
            raise RuntimeError("the body of a tar entry can be read once, and before the next entry is asked for")

    def trailer(self) -> Iterator[bytes]:
        """Everything after the last entry, byte for byte; call it when the entries are used up."""
        if self._tail is None:
            raise RuntimeError("the trailer of a tar archive follows its last entry")
        tail, self._tail = self._tail, []
        if any(tail):
            yield b"".join(tail)
        while piece := self._feed.piece(1 << 20):
            rest = bytes(piece)
            self.trailing_bytes += len(rest.translate(None, b"\0")) if rest.strip(b"\0") else 0
            yield rest


def _kind(flag: int, name: bytes) -> bytes:
    if flag == _OLD_REGULAR:
        return DIRECTORY if name[-1:] == b"/" else REGULAR
    return REGULAR if flag in (_CONTIGUOUS, _SPARSE) else bytes([flag])

"""The extended headers in front of an entry's own header block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from occystrap_core.streams.tar import pax
from occystrap_core.streams.tar.header import BLOCK, SIZE, text
from occystrap_core.streams.tar.numbers import numeric

PAX_HEADER, GLOBAL_HEADER, LONG_NAME, LONG_LINK = ord("x"), ord("g"), ord("L"), ord("K")
_TYPE = 156


class Segment(NamedTuple):
    """One extended header: its block, its data, and the filling up to the next block."""

    block: bytes
    data: bytes
    padding: bytes

    @property
    def type(self) -> int:
        return self.block[_TYPE]


def padding_of(size: int) -> int:
    return -size & (BLOCK - 1)


def segments(raw: bytes, at: int) -> Iterator[Segment]:
    position = 0
    while position < at:
        found = segment_at(raw, position)
        yield found
        position += BLOCK + len(found.data) + len(found.padding)


def segment_at(raw: bytes, position: int) -> Segment:
    start = position + BLOCK
    end = start + numeric(raw[position + SIZE.start : position + SIZE.stop])
    return Segment(raw[position:start], raw[start:end], raw[end : end + padding_of(end - start)])


def records_of(raw: bytes, at: int) -> Mapping[str, bytes]:
    """The records that count: those of the last PAX header, or of a global header itself."""
    if raw[at + _TYPE] == GLOBAL_HEADER:
        return pax.mapping(segment_at(raw, at).data)
    found = b""
    for segment in segments(raw, at):
        if segment.type == PAX_HEADER:
            found = segment.data
    return pax.mapping(found)


def long_link(raw: bytes, at: int) -> bytes:
    """What the last GNU long link header says; empty without one."""
    found = b""
    for segment in segments(raw, at):
        if segment.type == LONG_LINK:
            found = text(segment.data)
    return found

"""Entries that no archive had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from occystrap_core.contracts.entry import REGULAR
from occystrap_core.contracts.input import Chunk
from occystrap_core.streams.tar.bodies import GivenBody
from occystrap_core.streams.tar.encode import NAME_ROOM, Fields, encode, global_header
from occystrap_core.streams.tar.entry import BODILESS, GLOBAL, TarEntry, check_kind

_NO_RECORDS: Mapping[str, bytes] = {}


def make_entry(
    name: bytes,
    kind: bytes = REGULAR,
    *,
    body: bytes | Iterable[Chunk] = b"",
    size: int | None = None,
    mode: int = 0o644,
    uid: int = 0,
    gid: int = 0,
    uname: bytes = b"",
    gname: bytes = b"",
    mtime: int | float = 0,
    linkname: bytes = b"",
    device: tuple[int, int] = (0, 0),
    pax: Mapping[str, bytes] = _NO_RECORDS,
) -> TarEntry:
    """Equal arguments give equal bytes: USTAR where it fits, else PAX, never GNU.

    `size` is needed unless the body is bytes. Of `pax`, records that other arguments speak of
    do not count. Kind `g` makes a PAX global header that holds `pax`; its other fields do not count.
    """
    if kind == GLOBAL:
        return TarEntry(global_header(name, pax), 0, name[:NAME_ROOM], GLOBAL, 0, 0, GivenBody(b""), 0)
    check_kind(kind)
    if size is None:
        if not isinstance(body, bytes):
            raise ValueError("a body that is not bytes needs its size")
        size = len(body)
    if size and kind in BODILESS:
        raise ValueError("an entry of this kind has no body")
    fields = Fields(name, kind, size, mode, uid, gid, uname, gname, mtime, linkname, device, pax)
    raw, at = encode(fields)
    return TarEntry(raw, at, name, kind, size, size, GivenBody(body), size)

"""Layers for tests, in a line or two.

layer_tar(("etc/", ""), ("etc/passwd", "root:x:0:0::/:/bin/sh\n"), symlink("bin", "usr/bin"), whiteout("old"))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occystrap_core.contracts.entry import CHAR_DEVICE, DIRECTORY, FIFO, HARDLINK, SYMLINK, Entry
from occystrap_core.streams.tar import END_OF_ARCHIVE, make_entry, serialise

Member = Entry | tuple[str, str | bytes]
"""An entry, or a path and its content; a path that ends in `/` is a directory."""

_XATTR = "SCHILY.xattr."


def layer_tar(*members: Member, trailer: bytes = END_OF_ARCHIVE) -> bytes:
    """The bytes of a tar archive with these members, in this order."""
    return b"".join(serialise((_entry(member) for member in members), (trailer,)))


def file(path: str, content: str | bytes = b"", *, xattrs: Mapping[str, bytes] | None = None, **fields: Any) -> Entry:
    """A regular file; `fields` are those of make_entry (mode, uid, mtime, pax …)."""
    pax = {**fields.pop("pax", {}), **{_XATTR + name: value for name, value in (xattrs or {}).items()}}
    return make_entry(path.encode(), body=_bytes(content), pax=pax, **fields)


def directory(path: str, mode: int = 0o755, **fields: Any) -> Entry:
    return make_entry(path.rstrip("/").encode() + b"/", DIRECTORY, mode=mode, **fields)


def symlink(path: str, target: str, **fields: Any) -> Entry:
    return make_entry(path.encode(), SYMLINK, linkname=target.encode(), mode=0o777, **fields)


def hardlink(path: str, target: str, **fields: Any) -> Entry:
    return make_entry(path.encode(), HARDLINK, linkname=target.encode(), **fields)


def device(path: str, major: int, minor: int, kind: bytes = CHAR_DEVICE, **fields: Any) -> Entry:
    return make_entry(path.encode(), kind, device=(major, minor), **fields)


def fifo(path: str, **fields: Any) -> Entry:
    return make_entry(path.encode(), FIFO, **fields)


def whiteout(path: str) -> Entry:
    """Says that `path` of a lower layer is gone."""
    folder, slash, name = path.rpartition("/")
    return file(f"{folder}{slash}.wh.{name}")


def opaque(path: str) -> Entry:
    """Says that everything lower layers have in the directory `path` is gone."""
    return file(f"{path.rstrip('/')}/.wh..wh..opq")


def _entry(member: Member) -> Entry:
    if not isinstance(member, tuple):
        return member
    path, content = member
    return directory(path) if path.endswith("/") else file(path, content)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content

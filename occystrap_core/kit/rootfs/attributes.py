"""Mode, owner, times and extended attributes of one entry, decoded once and set by descriptor."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from occystrap_core.contracts.entry import Entry
from occystrap_core.kit.rootfs.report import Report
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown
from occystrap_core.streams.tar import TarEntry
from occystrap_core.streams.tar.numbers import decimal, numeric

PERMISSIONS = 0o7777
SPECIAL = 0o7000
OPAQUE = "trusted.overlay.opaque"
CAPABILITY = "security.capability"
ROOTLESS = "user.rootlesscontainers"
"""Where owners are recorded that cannot be set: what umoci and PRoot read and write."""

_NOBODY = (1 << 32) - 1
_CACHED = 4096
_BILLION = 10**9
_REFUSED = frozenset({errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL, errno.E2BIG, errno.ENOSPC, errno.ERANGE})
_OVERLAYS = ("trusted.overlay.", "user.overlay.")
_ACLS = "system.posix_acl_"


Attributes: TypeAlias = tuple[int, int, int, int]
"""Permissions, user, group, and the time in nanoseconds."""


class Decoder:
    """Header fields that stood in an earlier header just so are not decoded again."""

    __slots__ = ("_ids", "_times")

    def __init__(self) -> None:
        self._ids: dict[bytes, tuple[int, int, int]] = {}
        self._times: dict[bytes, int] = {}

    def __call__(self, entry: TarEntry) -> Attributes:
        if entry.at:
            return _decoded(entry)
        raw = entry.raw
        ids = self._ids.get(raw[100:124])
        if ids is None:
            ids = self._decode_ids(entry)
        mtime = self._times.get(raw[136:148])
        if mtime is None:
            mtime = self._decode_time(raw[136:148])
        return *ids, mtime

    def _decode_ids(self, entry: TarEntry) -> tuple[int, int, int]:
        if len(self._ids) >= _CACHED:
            self._ids.clear()
        ids = self._ids[entry.raw[100:124]] = _decoded(entry)[:3]
        return ids

    def _decode_time(self, field: bytes) -> int:
        if len(self._times) >= _CACHED:
            self._times.clear()
        mtime = self._times[field] = numeric(field) * _BILLION
        return mtime


def _decoded(entry: TarEntry) -> Attributes:
    return (
        entry.mode & PERMISSIONS,
        _owner(entry.uid, "user", entry),
        _owner(entry.gid, "group", entry),
        nanoseconds(entry),
    )


def _owner(number: int, what: str, entry: Entry) -> int:
    if 0 <= number < _NOBODY:
        return number
    raise InvalidImage(f"{shown(entry.name)} belongs to {what} {number}, which no system has")


def nanoseconds(entry: Entry) -> int:
    """The entry's time, as exactly as it is written."""
    said = entry.pax.get("mtime")
    if not said:
        return int(entry.mtime) * _BILLION
    whole, _, fraction = said.partition(b".")
    part = int(fraction[:9].ljust(9, b"0")) if fraction else 0
    return decimal(whole or b"0") * _BILLION + (-part if whole.startswith(b"-") else part)


def rootless_owner(uid: int, gid: int) -> bytes:
    """A protocol buffer with the user as field 1 and the group as field 2, zeros left out."""
    return b"".join(bytes([key]) + _varint(number) for key, number in ((0x08, uid), (0x10, gid)) if number)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def speakable(xattrs: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those that do not speak to overlay mounts."""
    return {name: value for name, value in xattrs.items() if not name.startswith(_OVERLAYS)}


def settable(entry: Entry, report: Report) -> dict[str, bytes]:
    """The entry's extended attributes without those that speak to overlay mounts."""
    found = speakable(entry.xattrs)
    report.overlay_xattrs_skipped += len(entry.xattrs) - len(found)
    return found


def set_xattrs(target: int | bytes, xattrs: dict[str, bytes], report: Report) -> None:
    """On a descriptor, or on what a path names, a link itself included."""
    for name, value in xattrs.items():
        try:
            os.setxattr(target, os.fsencode(name), value, follow_symlinks=isinstance(target, int))
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            report.xattrs_skipped += 1
        else:
            report.capabilities += name == CAPABILITY


def set_rootless_owner(target: int, uid: int, gid: int, report: Report) -> None:
    report.owners_unset += 1
    try:
        os.setxattr(target, ROOTLESS, rootless_owner(uid, gid))
    except OSError as error:
        if error.errno not in _REFUSED:
            raise


def clear_xattrs(target: int) -> None:
    """What an earlier layer set on a directory; labels that the system gives stay."""
    for name in os.listxattr(target):
        if name != "security.selinux" and not name.startswith(_OVERLAYS):
            os.removexattr(target, name)


def drop_default_acl(target: int) -> None:
    """Or everything in a new root would get other modes than it asks for."""
    with suppress(OSError):
        os.removexattr(target, f"{_ACLS}default")


def changes_modes(xattrs: dict[str, bytes]) -> bool:
    """Whether what is made in a directory with these attributes has other modes than asked for."""
    return any(name.startswith(_ACLS) for name in xattrs)


def umask() -> int:
    """The process's umask, read without changing it, which other threads would notice."""
    with Path("/proc/self/status").open("rb") as status:
        for line in status:
            if line.startswith(b"Umask:"):
                return int(line.split()[1], 8)
    return PERMISSIONS

"""Whom an image's processes run as: names are looked up in the image's own files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from occystrap_core.kit.rootfs.resolve import open_file_in
from occystrap_core.model.errors import InvalidImage, LimitExceeded
from occystrap_core.model.shown import shown

MAX_FILE = 4 << 20
_MAX_ID = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class User:
    """The primary group stands first in `additional_gids`: a process that starts a setgid program
    would otherwise leave it, and could read what is closed to that group and open to all others."""

    uid: int
    gid: int
    additional_gids: tuple[int, ...]


def find_user(rootfs: Path, text: str) -> User:
    """`user`, `user:group`, numbers or names, as an image's config says it; root where it is empty."""
    user, _, group = text.partition(":")
    entry = _passwd_entry(rootfs, user or "0")
    uid, gid, name = entry or _numeric(user, text)
    if group:
        gid = _group_id(rootfs, group, text)
        return User(uid, gid, (gid,))
    return User(uid, gid, tuple(dict.fromkeys((gid, *_additional(rootfs, name)))))


def _numeric(user: str, text: str) -> tuple[int, int, str]:
    number = _id(user or "0")
    if number is None:
        raise InvalidImage(f"the image runs as {shown(text)}, a user that its /etc/passwd does not have")
    return number, 0, ""


def _passwd_entry(rootfs: Path, user: str) -> tuple[int, int, str] | None:
    wanted = _id(user)
    for fields in _fields(rootfs, "passwd", 4):
        uid, gid = _id(fields[2]), _id(fields[3])
        if uid is None or gid is None:
            continue
        if fields[0] == user or uid == wanted:
            return uid, gid, fields[0]
    return None


def _group_id(rootfs: Path, group: str, text: str) -> int:
    for fields in _fields(rootfs, "group", 3):
        gid = _id(fields[2])
        if gid is not None and fields[0] == group:
            return gid
    number = _id(group)
    if number is None:
        raise InvalidImage(f"the image runs as {shown(text)}, with a group that its /etc/group does not have")
    return number


def _additional(rootfs: Path, name: str) -> Iterator[int]:
    for fields in _fields(rootfs, "group", 4) if name else ():
        gid = _id(fields[2])
        if gid is not None and name in fields[3].split(","):
            yield gid


def _id(text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _MAX_ID:
        return int(text)
    return None


def _fields(rootfs: Path, name: str, count: int) -> Iterator[list[str]]:
    for line in _read(rootfs, name).split("\n"):
        fields = line.strip().split(":")
        if len(fields) >= count:
            yield fields


def _read(rootfs: Path, name: str) -> str:
    """A file of the image's /etc, inside the root wherever links lead; empty without one."""
    root = os.open(rootfs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptor = open_file_in(root, b"etc/" + name.encode())
    except OSError:
        return ""
    finally:
        os.close(root)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise LimitExceeded(f"the image's /etc/{name} is larger than the {MAX_FILE} bytes that are read of it")
    return content.decode("utf-8", "surrogateescape")

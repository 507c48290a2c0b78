"""One entry with its content reduced to a hash, so that two can be compared after both have passed."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from occystrap_core.contracts import Entry

_TIMES = frozenset({"atime", "ctime", "LIBARCHIVE.creationtime"})
_IN_OTHER_FIELDS = frozenset(
    {"path", "GNU.sparse.name", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime", "hdrcharset"}
)
_XATTRS = ("SCHILY.xattr.", "LIBARCHIVE.xattr.")
_NOTHING = b""
_SHOWN = 120

FIELDS = ("kind", "linkname", "mode", "owner", "mtime", "xattrs", "content", "device", "PAX records", "name")


@dataclass(frozen=True, slots=True)
class Seen:
    entry: Entry
    path: bytes
    content: bytes

    @classmethod
    def of(cls, entry: Entry) -> Seen:
        return cls(entry, entry.path, _content(entry) if entry.stored_size else _NOTHING)

    def is_same(self, other: Seen) -> bool:
        """Cheap, and true only of entries that are equal in every byte."""
        return self.entry.raw == other.entry.raw and self.content == other.content

    def value(self, field: str) -> object:
        """The value of one of FIELDS."""
        entry = self.entry
        match field:
            case "owner":
                return entry.uid, entry.gid, entry.uname, entry.gname
            case "mtime":
                return entry.mtime, _records(entry.pax, _TIMES.__contains__)
            case "content":
                # Where the holes of a sparse file are; entries of other kinds have no such attribute.
                return entry.size, self.content, getattr(entry, "fragments", None)
            case "xattrs":
                return tuple(sorted(entry.xattrs.items()))
            case "PAX records":
                return _records(entry.pax, _is_other_record)
        return getattr(entry, field)

    def identity(self, ignored: frozenset[str]) -> int:
        """A number for everything about the entry but its name and the `ignored` fields."""
        fields = [self.value(field) for field in FIELDS if field != "name" and field not in ignored]
        return number_of(repr(fields).encode())


def shown(value: object) -> str:
    """A value as a message shows it, never longer than a line."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def number_of(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


class Ahead:
    """A stream of entries that can be looked at some way ahead."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = iter(entries)
        self._buffer: deque[Seen] = deque()

    @property
    def head(self) -> Seen | None:
        return self._buffer[0] if self._buffer or self._fill() else None

    def take(self) -> Seen:
        """The head, once it is known that there is one."""
        return self._buffer.popleft()

    def within(self, distance: int) -> Iterator[Seen]:
        """The head and what follows, at most `distance` entries."""
        for position in range(distance):
            if position == len(self._buffer) and not self._fill():
                return
            yield self._buffer[position]

    def _fill(self) -> bool:
        entry = next(self._entries, None)
        if entry is None:
            return False
        self._buffer.append(Seen.of(entry))
        return True


def _content(entry: Entry) -> bytes:
    hasher = hashlib.sha256()
    for chunk in entry.body:
        hasher.update(chunk)
    return hasher.digest()


def _records(pax: Mapping[str, bytes], wanted: Callable[[str], bool]) -> tuple[tuple[str, bytes], ...]:
    return tuple(sorted((key, value) for key, value in pax.items() if wanted(key)))


def _is_other_record(key: str) -> bool:
    return key not in _IN_OTHER_FIELDS and key not in _TIMES and not key.startswith(_XATTRS)

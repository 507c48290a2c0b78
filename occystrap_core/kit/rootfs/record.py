"""What the layers said, kept while they were unpacked, so that the tree can be held to it later."""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from occystrap_core.contracts.entry import (
    BLOCK_DEVICE,
    CHAR_DEVICE,
    DIRECTORY,
    FIFO,
    HARDLINK,
    REGULAR,
    SYMLINK,
)
from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.rootfs.attributes import Attributes, Decoder, speakable
from occystrap_core.kit.rootfs.resolve import inside
from occystrap_core.streams.spool import Spool
from occystrap_core.streams.tar import TarEntry, TarReader

KINDS = frozenset({REGULAR, HARDLINK, SYMLINK, CHAR_DEVICE, BLOCK_DEVICE, DIRECTORY, FIFO})
"""What a file system has."""


_BUFFERED = 1000


class Said(NamedTuple):
    """One entry. `checksum` is the CRC-32 of the stored body: it finds what a disk or a program
    damaged, and costs a fraction of a digest. `made` is false for what could not be made here."""

    layer: int
    path: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    checksum: int
    linkname: bytes
    device: tuple[int, int]
    xattrs: dict[str, bytes]
    fragments: bytes
    made: bool


def said(layer: int, path: bytes, entry: TarEntry, described: Attributes, checksum: int, *, made: bool = True) -> Said:
    return Said(
        layer,
        path,
        entry.kind,
        *described,
        entry.size,
        checksum,
        entry.linkname if entry.kind in (SYMLINK, HARDLINK) else b"",
        entry.device if entry.kind in (CHAR_DEVICE, BLOCK_DEVICE) else (0, 0),
        speakable(entry.xattrs) if entry.at else {},
        entry.fragments.tobytes() if entry.fragments is not None else b"",
        made,
    )


def read_again(layers: Iterable[Iterable[Chunk]], *, devices: bool) -> Iterator[Said]:
    """What layers say that lie somewhere, the lowest first. `devices` could be made there."""
    decode = Decoder()
    for number, chunks in enumerate(layers):
        for entry in TarReader(chunks):
            if entry.kind not in KINDS:
                continue
            checksum = 0
            if entry.kind == REGULAR:
                for piece in entry.body:
                    checksum = crc32(piece, checksum)
            made = devices if entry.kind in (CHAR_DEVICE, BLOCK_DEVICE) else True
            if entry.kind == CHAR_DEVICE and entry.device == (0, 0):
                made = False
            yield said(number, inside(entry.path), entry, decode(entry), checksum, made=made)


class Record:
    """Written by one thread. On disk, so that an image of any size fits; gone with its owner."""

    def __init__(self, directory: Path | None = None) -> None:
        self._spool = Spool(directory)
        self._lines: list[bytes] = []

    def add(self, said: Said) -> None:
        self._lines.append(marshal.dumps((*said,)))
        if len(self._lines) >= _BUFFERED:
            self._flush()

    def __iter__(self) -> Iterator[Said]:
        self._flush()
        rest = b""
        for chunk in self._spool.chunks():
            rest += chunk
            position = 0
            while len(rest) - position >= 4:
                end = position + 4 + int.from_bytes(rest[position : position + 4], "little")
                if end > len(rest):
                    break
                # Only what this process wrote, into a file without a name, is read back.
                yield Said(*marshal.loads(rest[position + 4 : end]))  # noqa: S302
                position = end
            rest = rest[position:]

    def close(self) -> None:
        self._spool.close()

    def _flush(self) -> None:
        self._spool.write(b"".join(piece for line in self._lines for piece in (len(line).to_bytes(4, "little"), line)))
        self._lines.clear()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a tree is held to: the record, and what could not be set where it was unpacked.

    `kept` are the records that are on disk as long as they may be needed.
    """

    record: Iterable[Said]
    owners: bool
    xattrs: bool
    kept: tuple[Record, ...] = ()

    def close(self) -> None:
        for record in self.kept:
            record.close()


def fragments_of(raw: bytes) -> array[int]:
    found = array("q")
    found.frombytes(raw)
    return found

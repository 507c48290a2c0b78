"""Reading the headers of an archive, and seeking over the bodies."""

from __future__ import annotations

from collections.abc import Iterator

from occystrap_core.contracts.entry import HARDLINK, REGULAR, SYMLINK, Entry
from occystrap_core.kit.docker_archive.archive_file import ArchiveFile
from occystrap_core.kit.docker_archive.members import Kind, Member, tidy
from occystrap_core.model.errors import InvalidImage, InvalidTar, LimitExceeded
from occystrap_core.streams.tar import TarReader

MAX_MEMBERS = 100_000
_WINDOW = 2048  # a header with its extended headers, nearly always
_BLOCK = 512


def scan_members(file: ArchiveFile) -> Iterator[Member]:
    """Every member in order. The time it takes depends on their number, not on their sizes."""
    offset = count = 0
    while entry := _entry_at(file, offset):
        count += 1
        if count > MAX_MEMBERS:
            raise LimitExceeded(f"{file.what} has more than {MAX_MEMBERS} members: no image has that many")
        body = offset + len(entry.raw)
        if body + entry.stored_size > file.size:
            raise InvalidTar(f"{file.what} is cut short inside {_text(entry.name)!r}")
        yield member_of(entry, body)
        offset = body + entry.stored_size + -entry.stored_size % _BLOCK


def _entry_at(file: ArchiveFile, offset: int) -> Entry | None:
    try:
        return next(iter(TarReader(_windows(file, offset))), None)
    except InvalidTar as error:
        if offset == 0:
            raise InvalidImage(f"{file.what} is not an image archive: it does not begin like a tar file") from None
        # The reader counts from where it began, and wraps the reason in that count.
        reason = error.__cause__ if isinstance(error.__cause__, InvalidTar) else error
        raise InvalidTar(f"{file.what} is not a valid tar archive near byte {offset}: {reason.message}") from None


def _windows(file: ArchiveFile, offset: int) -> Iterator[bytes]:
    while piece := file.read(offset, _WINDOW):
        yield piece
        offset += len(piece)


def member_of(entry: Entry, body: int) -> Member:
    """`body` is where the stored bytes of the entry begin."""
    return Member(tidy(_text(entry.name)), _kind(entry), body, entry.stored_size, _text(entry.linkname))


def _kind(entry: Entry) -> Kind:
    if entry.kind == REGULAR:
        return Kind.FILE if entry.size == entry.stored_size else Kind.SPARSE
    return {SYMLINK: Kind.SYMLINK, HARDLINK: Kind.HARDLINK}.get(entry.kind, Kind.OTHER)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")

"""An image as a daemon exports it: a docker-save archive on a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.archive_file import ArchiveFile
from occystrap_core.kit.docker_archive.members import Member, Members
from occystrap_core.kit.docker_archive.scan import MAX_MEMBERS, member_of
from occystrap_core.kit.docker_engine.messages import reported_error
from occystrap_core.model.errors import InvalidTar, LimitExceeded, TransferError
from occystrap_core.streams.reading import reading
from occystrap_core.streams.spool import Spool
from occystrap_core.streams.tar import TarReader

_TAIL = 8192


def exported_archive(chunks: Iterable[Chunk], daemon: str, temp_dir: Path | None) -> Archive:
    """The archive that `chunks` are, its members put aside while they arrive.

    TransferError where the daemon gave up in the middle of it.
    """
    spool = Spool(temp_dir)
    try:
        members = tuple(_put_aside(chunks, spool, daemon))
    except BaseException:
        spool.close()
        raise
    what = f"what {daemon} exports"
    return Archive(ArchiveFile.spooled(spool, what, None), Members(members, what))


def _put_aside(chunks: Iterable[Chunk], spool: Spool, daemon: str) -> Iterator[Member]:
    tail = _Tail(chunks)
    write = spool.write
    reader = TarReader(tail)
    try:
        for count, entry in enumerate(reader):
            if count >= MAX_MEMBERS:
                raise LimitExceeded(f"{daemon} exports more than {MAX_MEMBERS} members: no image has that many")
            yield member_of(entry, spool.size)
            for chunk in entry.body:
                write(chunk)
        for _ in reader.trailer():
            pass
    except InvalidTar as error:
        raise _given_up(tail, daemon) or error from None
    if not reader.has_end:
        raise _given_up(tail, daemon) or TransferError(f"{daemon} broke off the export in the middle")


def _given_up(tail: _Tail, daemon: str) -> TransferError | None:
    """What the daemon wrote into its own archive where it could not go on: it has no other place for it."""
    words = reported_error(tail.last)
    return TransferError(f"{daemon} broke off the export: {words}") if words else None


class _Tail:
    """The same chunks; `last` is where they ended."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = chunks
        self._held: bytes = b""
        self._newest: Chunk = b""

    @property
    def last(self) -> bytes:
        return (self._held + bytes(self._newest[-_TAIL:]))[-_TAIL:]

    def __iter__(self) -> Iterator[Chunk]:
        with reading(self._chunks) as incoming:
            for chunk in incoming:
                self._held = self.last
                self._newest = chunk
                yield chunk

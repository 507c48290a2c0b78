"""An image as a daemon exports it: a docker-save archive on a pipe."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from occystrap_core.contracts.arrival import Arrival, Take
from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.members import Kind, Member, Members
from occystrap_core.kit.docker_archive.scan import MAX_MEMBERS, member_of
from occystrap_core.kit.docker_engine.handed_on import HEAD, ExportedFile
from occystrap_core.kit.docker_engine.messages import reported_error
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidTar, LimitExceeded, TransferError
from occystrap_core.streams.reading import reading
from occystrap_core.streams.spool import Spool
from occystrap_core.streams.tar import TarReader

Export = Callable[[], Iterable[Chunk]]

_TAIL = 8192
_NAMED_BY_DIGEST = re.compile(r"blobs/sha256/([0-9a-f]{64})")


def take_nothing(arrival: Arrival) -> bool:
    return False


def exported_archive(export: Export, daemon: str, temp_dir: Path | None, take: Take = take_nothing) -> Archive:
    """The archive that `export` gives, its members put aside while they arrive, except for those that are taken.

    Whoever asks for one of those nevertheless has the daemon export all of it once more. TransferError
    where the daemon gave up in the middle.
    """
    what, spool = f"what {daemon} exports", Spool(temp_dir)
    arriving = _Arriving(_Tail(export()), daemon, spool, take)
    try:
        members = Members(arriving.members(), what)
    except BaseException:
        spool.close()
        raise
    again = partial(exported_archive, export, daemon, temp_dir)
    return Archive(ExportedFile(spool, what, arriving.handed_on, again), members)


@dataclass(slots=True)
class _Arriving:
    """`handed_on` names the members that were taken, by their offsets."""

    tail: _Tail
    daemon: str
    spool: Spool
    take: Take
    handed_on: dict[int, str] = field(default_factory=dict)

    def members(self) -> Iterator[Member]:
        reader = TarReader(self.tail)
        try:
            for count, entry in enumerate(reader):
                if count >= MAX_MEMBERS:
                    raise LimitExceeded(
                        f"{self.daemon} exports more than {MAX_MEMBERS} members: no image has that many"
                    )
                member = member_of(entry, self.spool.size)
                yield member
                self._receive(member, self._body(entry.body))
            for _ in reader.trailer():
                pass
        except InvalidTar as error:
            raise self._given_up() or error from None
        if not reader.has_end:
            raise self._given_up() or self._broken_off()

    def _receive(self, member: Member, body: Iterator[Chunk]) -> None:
        head = _beginning(body)
        if len(head) >= HEAD and member.kind is Kind.FILE and self._is_taken(member, head, body):
            self.spool.write(head[:HEAD])
            self.handed_on[member.offset] = member.name
        else:
            self.spool.write(head)
            self.spool.fill(body)

    def _is_taken(self, member: Member, head: bytes, rest: Iterator[Chunk]) -> bool:
        named = _NAMED_BY_DIGEST.fullmatch(member.name)
        digest = Digest("sha256", named[1]) if named else None
        return self.take(Arrival(member.size, head, chain((head,), rest), digest))

    def _body(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Whoever takes it must not think that its own archive is broken, where that of the daemon is."""
        try:
            yield from chunks
        except InvalidTar:
            raise self._given_up() or self._broken_off() from None

    def _broken_off(self) -> TransferError:
        return TransferError(f"{self.daemon} broke off the export in the middle")

    def _given_up(self) -> TransferError | None:
        """What the daemon wrote into its own archive where it could not go on: it has no other place for it."""
        words = reported_error(self.tail.last)
        return TransferError(f"{self.daemon} broke off the export: {words}") if words else None


def _beginning(chunks: Iterator[Chunk]) -> bytes:
    head = b""
    while len(head) < HEAD and (chunk := next(chunks, None)) is not None:
        head += bytes(chunk)
    return head


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

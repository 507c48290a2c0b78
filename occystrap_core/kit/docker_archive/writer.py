"""An archive whose members arrive in any order, from several threads, and are written in theirs.

The member whose turn it is streams straight into the archive, behind a header that is put
right when its name and size are known. The others are put aside until it is their turn,
which may come while they are still arriving.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.header import end_of_archive, header, is_short, padding
from occystrap_core.kit.docker_archive.target import Target
from occystrap_core.model.errors import TransferError
from occystrap_core.streams.spool import Spool
from occystrap_core.streams.tar.header import ZERO_BLOCK


@dataclass(frozen=True, slots=True)
class Announced:
    """What a member is sure to become."""

    name: str
    size: int


@dataclass(eq=False, slots=True)
class StagedMember:
    """`start` is where its header lies in the archive, None as long as the body is put aside."""

    order: int
    announced: Announced | None
    size: int = 0
    start: int | None = None
    aside: Spool | None = None


class ArchiveWriter:
    """`stage`, `keep` and `discard` are called from several threads; `add`, `finish` and `abort`
    when those are done. Orders count 0, 1, 2 …; each is kept or discarded once.

    A name is stored once: what comes under it later is dropped. `sizes` are the members so far.
    `begin_at` is for archives that leave the first orders out.
    """

    def __init__(self, target: Target, spool_directory: Path | None) -> None:
        self.sizes: dict[str, int] = {}
        self._target = target
        self._spool_directory = spool_directory
        self._lock = threading.Lock()
        self._turn = 0
        self._taken = False
        """Whether some thread is writing to the target."""
        self._waiting: dict[int, tuple[StagedMember, str]] = {}
        self._spools: set[Spool] = set()

    def begin_at(self, order: int) -> None:
        self._turn = order

    def stage(self, chunks: Iterable[Chunk], order: int, announced: Announced | None = None) -> StagedMember:
        member = StagedMember(order, announced)
        write_through = self._target.write
        try:
            for chunk in chunks:
                if member.start is not None or self._entered(member):
                    write_through(chunk)
                else:
                    self._aside(member).write(chunk)
                member.size += len(chunk)
        except BaseException:
            self._forget(member)
            raise
        return member

    def keep(self, member: StagedMember, name: str) -> None:
        """An empty name drops the member."""
        if member.start is None:
            with self._lock:
                self._waiting[member.order] = (member, name)
        else:
            self._settle(member, name)
            self._leave()
        self._write_waiting()

    def discard(self, member: StagedMember) -> None:
        self.keep(member, "")

    def add(self, name: str, content: bytes) -> None:
        """A member after all those that were staged."""
        self._write_rest()
        if name in self.sizes:
            return
        self._target.write(header(name, len(content)) + content + padding(len(content)))
        self.sizes[name] = len(content)

    def finish(self) -> None:
        self._write_rest()
        self._target.write(end_of_archive(self._target.position))
        self._target.commit()

    def abort(self) -> None:
        for spool in list(self._spools):
            self._drop(spool)
        self._target.abort()

    # The member whose turn it is

    def _entered(self, member: StagedMember) -> bool:
        """Whether the member streams into the archive from here on."""
        if member.order != self._turn or not self._may_stream(member) or not self._enter(member.order):
            return False
        member.start = self._target.position
        announced = member.announced
        seekable = self._target.is_seekable
        self._target.write(ZERO_BLOCK if seekable or announced is None else header(announced.name, announced.size))
        self._write_aside(member)
        return True

    def _may_stream(self, member: StagedMember) -> bool:
        announced = member.announced
        if self._target.is_seekable:
            return announced is None or is_short(announced.name)
        return announced is not None and announced.name not in self.sizes

    def _enter(self, order: int) -> bool:
        with self._lock:
            if self._taken or order != self._turn:
                return False
            self._taken = True
            return True

    def _leave(self) -> None:
        with self._lock:
            self._turn += 1
            self._taken = False

    def _settle(self, member: StagedMember, name: str) -> None:
        """Put the header right, or take the member out again."""
        assert member.start is not None
        if not self._target.is_seekable:
            name = _as_announced(member, name)
        elif name and name not in self.sizes:
            assert is_short(name), "a name that was not announced is made of a sha256"
            self._target.patch(member.start, header(name, member.size))
        else:
            self._target.rewind(member.start)
            return
        self._target.write(padding(member.size))
        self.sizes[name] = member.size

    def _forget(self, member: StagedMember) -> None:
        """A pipe that has part of a member stays taken: nothing sensible can follow."""
        if member.aside:
            self._drop(member.aside)
        if member.start is not None and self._target.is_seekable:
            self._target.rewind(member.start)
            with self._lock:
                self._taken = False

    # Members that wait

    def _aside(self, member: StagedMember) -> Spool:
        if member.aside is None:
            member.aside = Spool(self._spool_directory)
            with self._lock:
                self._spools.add(member.aside)
        return member.aside

    def _write_aside(self, member: StagedMember) -> None:
        if member.aside:
            self._target.append(member.aside)
            self._drop(member.aside)
            member.aside = None

    def _drop(self, spool: Spool) -> None:
        with self._lock:
            self._spools.discard(spool)
        spool.close()

    def _write_waiting(self) -> None:
        while ready := self._next_ready():
            self._write(*ready)
            self._leave()

    def _next_ready(self) -> tuple[StagedMember, str] | None:
        with self._lock:
            if self._taken or self._turn not in self._waiting:
                return None
            self._taken = True
            return self._waiting.pop(self._turn)

    def _write(self, member: StagedMember, name: str) -> None:
        if name and name not in self.sizes:
            self._target.write(header(name, member.size))
            self._write_aside(member)
            self._target.write(padding(member.size))
            self.sizes[name] = member.size
        elif member.aside:
            self._drop(member.aside)

    def _write_rest(self) -> None:
        """What waits for a turn that never came, because an order was left out."""
        if self._taken:
            raise TransferError("the archive is incomplete: a layer broke off in the middle")
        for order in sorted(self._waiting):
            self._write(*self._waiting.pop(order))


def _as_announced(member: StagedMember, name: str) -> str:
    """The name that a pipe was given for a member; one that is not wanted any more stays under it."""
    announced = member.announced
    assert announced is not None
    if announced.size != member.size or name not in ("", announced.name):
        raise TransferError(f"{name or 'a layer'} turned out to be other than what was already written of it")
    return announced.name

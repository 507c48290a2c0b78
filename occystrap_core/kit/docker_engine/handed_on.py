"""An archive of which some members went elsewhere while it arrived."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.kit.docker_archive.archive_file import ArchiveFile
from occystrap_core.model.errors import NotFound
from occystrap_core.streams.spool import Spool

HEAD = 512
"""How much there is of such a member: enough to tell what it is."""


class ExportedFile(ArchiveFile):
    """`handed_on` names the members of which only the head is here, by their offsets. Whoever asks for the
    rest of one gets it out of the archive that `again` gives, in which everything is."""

    __slots__ = ("_again", "_handed_on", "_lock", "_whole")

    def __init__(self, spool: Spool, what: str, handed_on: Mapping[int, str], again: Callable[[], Archive]) -> None:
        super().__init__(spool.fileno(), spool.size, what)
        self._spool = spool
        self._handed_on = handed_on
        self._again = again
        self._whole: Archive | None = None
        self._lock = threading.Lock()

    def read(self, offset: int, count: int) -> bytes:
        if count > HEAD and offset in self._handed_on:
            return b"".join(self._from_another(offset, count))
        return super().read(offset, count)

    def chunks(self, offset: int, size: int) -> Iterator[Chunk]:
        if size > HEAD and offset in self._handed_on:
            return self._from_another(offset, size)
        return super().chunks(offset, size)

    def close(self) -> None:
        super().close()
        if self._whole:
            self._whole.close()

    def _from_another(self, offset: int, size: int) -> Iterator[Chunk]:
        with self._lock:
            self._whole = self._whole or self._again()
        member = self._whole.members.blob(self._handed_on[offset])
        if member is None or member.size != size:
            raise NotFound(f"{self.what} has another {self._handed_on[offset]!r} when it is asked for again")
        yield from self._whole.chunks(member)

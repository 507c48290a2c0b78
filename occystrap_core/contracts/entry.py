"""The entry contract: one member of a layer, as filters and checks see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from occystrap_core.contracts.input import Chunk

REGULAR, HARDLINK, SYMLINK, CHAR_DEVICE, BLOCK_DEVICE, DIRECTORY, FIFO = (b"0", b"1", b"2", b"3", b"4", b"5", b"6")
"""What `Entry.kind` is. Old and contiguous regular files (NUL, "7", sparse) read as REGULAR;
any other type flag is itself. A PAX global header is an entry too, of kind `g`: it has no body,
and `replaced` leaves it alone."""


class Entry(Protocol):
    """A raw header block plus a body. Names are bytes, as the archive has them.

    Fields are read from the raw header when asked for, so an entry nobody looks at costs
    little. An entry is never changed: `replaced` makes another.
    """

    @property
    def raw(self) -> bytes:
        """Every header block of this entry, extension headers included, as they will be written."""
        ...

    @property
    def name(self) -> bytes: ...

    @property
    def path(self) -> bytes:
        """The name without leading `/` and `./`, doubled or trailing slashes: what rules match."""
        ...

    @property
    def kind(self) -> bytes: ...

    @property
    def linkname(self) -> bytes: ...

    @property
    def size(self) -> int:
        """How long the file is once unpacked: for a sparse file, holes included. Kinds that have
        no body may claim a size all the same, which is reported as it stands."""
        ...

    @property
    def stored_size(self) -> int:
        """How many body bytes the archive holds, without padding."""
        ...

    @property
    def mode(self) -> int: ...

    @property
    def uid(self) -> int: ...

    @property
    def gid(self) -> int: ...

    @property
    def uname(self) -> bytes: ...

    @property
    def gname(self) -> bytes: ...

    @property
    def mtime(self) -> float: ...

    @property
    def device(self) -> tuple[int, int]: ...

    @property
    def pax(self) -> Mapping[str, bytes]:
        """The entry's own PAX records; empty without any."""
        ...

    @property
    def xattrs(self) -> Mapping[str, bytes]: ...

    @property
    def body(self) -> Iterable[Chunk]:
        """The stored body, readable once, and only before the next entry is asked for.

        What is not read is skipped by the reader."""
        ...

    def replaced(
        self,
        *,
        name: bytes | None = None,
        linkname: bytes | None = None,
        kind: bytes | None = None,
        size: int | None = None,
        mtime: int | None = None,
        drop_pax: Iterable[str] = (),
        body: Iterable[Chunk] | None = None,
    ) -> Entry:
        """A copy with other fields. Everything not named stays byte for byte; one whose
        values are already so is this very entry. `mtime` also replaces PAX and GNU times."""
        ...

"""The members of an archive: which names there are, and where their bytes lie."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from occystrap_core.model.errors import InvalidImage

_MAX_HOPS = 8


class Kind(Enum):
    FILE = "a regular file"
    SYMLINK = "a symbolic link"
    HARDLINK = "a hard link"
    SPARSE = "a sparse file"
    OTHER = "neither a file nor a link"


@dataclass(frozen=True, slots=True)
class Member:
    """`name` has no `./` in front. `offset` is where the body begins in the archive."""

    name: str
    kind: Kind
    offset: int
    size: int
    target: str = ""


class Members:
    """Looked up by their exact names: nothing a name says leads out of the archive."""

    def __init__(self, listed: Iterable[Member], what: str) -> None:
        self.listed = tuple(listed)
        self._what = what
        self._by_name = {member.name: member for member in self.listed}
        self._repeated = _repeated(self.listed)
        self._layers: dict[str, Member | None] = {}

    def __contains__(self, name: str) -> bool:
        return tidy(name) in self._by_name

    def file(self, name: str) -> Member | None:
        """The regular file of this name. InvalidImage for a link, or where the name stands twice."""
        member = self._by_name.get(tidy(name))
        if member is None:
            return None
        if member.name in self._repeated:
            raise InvalidImage(f"{self._what} has {member.name!r} twice: readers disagree on which counts")
        return self._regular(member)

    def blob(self, name: str) -> Member | None:
        """The regular file of this name, the last one of several: its digest is going to be checked."""
        member = self._by_name.get(tidy(name))
        return self._regular(member) if member else None

    def layer(self, name: str) -> Member | None:
        """The regular file of this name, through links. Of several the last, as unpacking would leave it."""
        if name not in self._layers:
            self._layers[name] = self._through_links(name)
        return self._layers[name]

    def _through_links(self, name: str) -> Member | None:
        member = self._by_name.get(tidy(name))
        for _ in range(_MAX_HOPS):
            if member is None or member.kind not in (Kind.SYMLINK, Kind.HARDLINK):
                return self._regular(member) if member else None
            member = self._by_name.get(self._target(member))
        raise InvalidImage(f"{self._what}: the links from {name!r} do not end")

    def _regular(self, member: Member) -> Member:
        if member.kind is not Kind.FILE:
            hint = "pack it again without sparse files" if member.kind is Kind.SPARSE else ""
            raise InvalidImage(f"{self._what}: {member.name!r} is {member.kind.value}", hint=hint)
        return member

    def _target(self, link: Member) -> str:
        if link.kind is Kind.HARDLINK:
            return tidy(link.target)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(link.name), link.target))
        if path.startswith(("/", "../")) or path == "..":
            raise InvalidImage(f"{self._what}: the link {link.name!r} leads out of the archive, to {link.target!r}")
        return path


def tidy(name: str) -> str:
    """`name` without what does not matter: leading `./` and `/`, doubled and trailing slashes."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _repeated(listed: Iterable[Member]) -> frozenset[str]:
    counts = Counter(member.name for member in listed)
    return frozenset(name for name, count in counts.items() if count > 1)

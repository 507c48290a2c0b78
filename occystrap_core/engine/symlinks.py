"""Where paths lead once their symlinks are followed, in time that no chain of links multiplies."""

from __future__ import annotations

from collections.abc import Callable

MAX_LINKS = 40
"""What Linux follows in one path."""

_FOLDERS = 1 << 12
_LINKS = 1 << 16
_LINK_BYTES = 16 << 20
_HERE = frozenset({b"", b"."})

_End = tuple[bytes | None, int]
"""Where it is, and through how many links; None for too many, with how many were tried."""


class Symlinks:
    """`link_at` tells the target of the symlink that is at exactly a path, None where none is.

    What was found out is remembered, of folders as they are written and of links where they are,
    so that many paths through the same links cost a step each.
    """

    def __init__(self, link_at: Callable[[bytes], bytes | None]) -> None:
        self._link_at = link_at
        self._folders: dict[bytes, _End] = {}
        self._links: dict[bytes, _End] = {}
        self._link_bytes = 0

    def parent_of(self, path: bytes) -> bytes | None:
        """`path` with the symlinks among its parents followed; None where they are too many."""
        folder, _, name = path.rpartition(b"/")
        found, _ = self._folder(folder, MAX_LINKS)
        return None if found is None else _entered(found, name)

    def end_of(self, path: bytes) -> bytes | None:
        """`path` with all symlinks followed."""
        return self._end(path, MAX_LINKS)[0]

    def _end(self, path: bytes, most: int) -> _End:
        folder, _, name = path.rpartition(b"/")
        found, links = self._folder(folder, most)
        return (None, most) if found is None else self._step(found, name, links, most)

    def _folder(self, folder: bytes, most: int) -> _End:
        known, unknown = self._folders, []
        while folder and not _tells(found := known.get(folder, (None, -1)), most):
            unknown.append(folder)
            folder = folder.rpartition(b"/")[0]
        at, links = found if folder else (b"", 0)
        if len(known) >= _FOLDERS:
            known.clear()
        for each in reversed(unknown):
            if at is None or links > most:
                break
            at, links = known[each] = self._step(at, each.rpartition(b"/")[2], links, most)
        return (at, links) if links <= most else (None, most)

    def _step(self, folder: bytes, name: bytes, links: int, most: int) -> _End:
        """From a folder on into `name`, which may be a symlink."""
        path = _entered(folder, name)
        if name in _HERE or name == b"..":
            return path, links
        target = self._link_at(path)
        if target is None:
            return path, links
        left = most - links - 1
        found, more = self._followed(path, folder, target, left) if left >= 0 else (None, 0)
        return (None, most) if found is None else (found, links + 1 + more)

    def _followed(self, path: bytes, folder: bytes, target: bytes, left: int) -> _End:
        found = self._links.get(path, (None, -1))
        if not _tells(found, left):
            found = self._end(target if target.startswith(b"/") else folder + b"/" + target, left)
            self._remember(path, found)
        return found if found[1] <= left else (None, left)

    def _remember(self, path: bytes, found: _End) -> None:
        self._link_bytes += len(path) + len(found[0] or b"")
        if self._link_bytes > _LINK_BYTES or len(self._links) >= _LINKS:
            self._links.clear()
            self._link_bytes = 0
        self._links[path] = found


def _tells(found: _End, most: int) -> bool:
    """Whether it is known now where this leads, or that it takes more links."""
    return found[0] is not None or found[1] >= most


def _entered(folder: bytes, name: bytes) -> bytes:
    if name == b"..":
        return folder.rpartition(b"/")[0]
    if name in _HERE:
        return folder
    return folder + b"/" + name if folder else name

"""Files that are believed only after their content was looked at."""

from __future__ import annotations

import threading

from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, NotFound


def digest_and_size(folder: Folder, name: str, algorithm: str) -> tuple[Digest, int]:
    hasher, size = Digest(algorithm, "").hasher(), 0
    update = hasher.update
    for chunk in folder.chunks(name):
        update(chunk)
        size += len(chunk)
    return Digest(algorithm, hasher.hexdigest()), size


class CheckedFiles:
    """Answers from several threads. A file that was found good is not read a second time."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._good: dict[Digest, int] = {}

    def size(self, name: str, digest: Digest) -> int | None:
        """The size of the file `name` if it is a regular file with this digest."""
        with self._lock:
            if digest in self._good:
                return self._good[digest]
        try:
            found, size = digest_and_size(self._folder, name, digest.algorithm)
        except (NotFound, InvalidImage):
            return None
        if found != digest:
            return None
        with self._lock:
            self._good[digest] = size
        return size

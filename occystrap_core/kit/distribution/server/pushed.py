"""A store for what is pushed in one session: in temporary files, gone with the session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from occystrap_core.kit.distribution.server.store import StoredBlob
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.streams.spool import Spool


@dataclass(slots=True)
class _Repository:
    blobs: dict[Digest, Spool] = field(default_factory=dict)
    manifests: dict[str, Document] = field(default_factory=dict)
    tags: dict[str, Document] = field(default_factory=dict)


class PushedImages:
    """A blob is kept once and may be read any number of times, until `close`. `came` is told of each."""

    def __init__(self, came: Callable[[Digest, StoredBlob], None] | None = None) -> None:
        self._came = came
        self._lock = threading.Lock()
        self._repositories: dict[str, _Repository] = {}

    def blob(self, repository: str, digest: Digest) -> Spool | None:
        with self._lock:
            return self._of(repository).blobs.get(digest)

    def put_blob(self, repository: str, digest: Digest, blob: Spool) -> None:
        with self._lock:
            kept = self._of(repository).blobs.setdefault(digest, blob)
        if kept is not blob:
            blob.close()
        elif self._came:
            self._came(digest, blob)

    def mount(self, repository: str, digest: Digest, source: str) -> bool:
        return False

    def manifest(self, repository: str, wanted: str) -> Document | None:
        with self._lock:
            found = self._of(repository)
            return found.manifests.get(wanted) or found.tags.get(wanted)

    def put_manifest(self, repository: str, tag: str, document: Document) -> None:
        with self._lock:
            found = self._of(repository)
            found.manifests[str(document.digest)] = document
            if tag:
                found.tags[tag] = document

    def tags(self, repository: str) -> Sequence[str] | None:
        with self._lock:
            found = self._repositories.get(repository)
            return sorted(found.tags) if found else None

    def close(self) -> None:
        with self._lock:
            for repository in self._repositories.values():
                for blob in repository.blobs.values():
                    blob.close()
            self._repositories.clear()

    def _of(self, repository: str) -> _Repository:
        return self._repositories.setdefault(repository, _Repository())

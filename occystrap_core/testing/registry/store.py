"""What the embedded registry remembers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.streams.spool import Spool
from occystrap_core.testing.build import Content


@dataclass(slots=True)
class Repository:
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryBlob:
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        yield self.data[start:]


class Store:
    """Repositories by name, as a store of the server's. Threads may share it."""

    def __init__(self, mounts: bool = True) -> None:
        self.mounts = mounts
        self._lock = threading.Lock()
        self._repositories: dict[str, Repository] = {}

    def repository(self, name: str) -> Repository:
        with self._lock:
            return self._repositories.setdefault(name, Repository())

    def add(self, content: Content, name: str, tag: str) -> None:
        """Put a built image here as if it had been pushed."""
        repository = self.repository(name)
        repository.blobs.update({str(digest): blob for digest, blob in content.blobs.items()})
        for digest, raw in content.documents.items():
            repository.blobs[str(digest)] = raw
            repository.manifests[str(digest)] = raw, _media_type_of(raw)
        repository.manifests[str(content.root.digest)] = content.documents[content.root.digest], content.root.media_type
        repository.tags[tag] = str(content.root.digest)

    def blob(self, repository: str, digest: Digest) -> MemoryBlob | None:
        found = self.repository(repository).blobs.get(str(digest))
        return None if found is None else MemoryBlob(found)

    def put_blob(self, repository: str, digest: Digest, blob: Spool) -> None:
        with blob:
            self.repository(repository).blobs[str(digest)] = b"".join(blob.chunks())

    def mount(self, repository: str, digest: Digest, source: str) -> bool:
        found = self.repository(source).blobs.get(str(digest)) if self.mounts else None
        if found is not None:
            self.repository(repository).blobs[str(digest)] = found
        return found is not None

    def manifest(self, repository: str, wanted: str) -> Document | None:
        found = self.repository(repository)
        stored = found.manifests.get(found.tags.get(wanted, wanted))
        return Document(*stored) if stored else None

    def put_manifest(self, repository: str, tag: str, document: Document) -> None:
        found, digest = self.repository(repository), str(document.digest)
        found.manifests[digest] = document.raw, document.media_type
        if tag:
            found.tags[tag] = digest

    def tags(self, repository: str) -> Sequence[str]:
        return sorted(self.repository(repository).tags)


def _media_type_of(raw: bytes) -> str:
    parsed = json.loads(raw)
    return str(parsed.get("mediaType", "application/octet-stream")) if isinstance(parsed, dict) else ""

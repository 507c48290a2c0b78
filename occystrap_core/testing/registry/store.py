"""What the embedded registry remembers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from occystrap_core.model.digest import Digest
from occystrap_core.testing.build import Content


@dataclass(slots=True)
class Repository:
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def manifest(self, wanted: str) -> tuple[bytes, str] | None:
        """Bytes and media type, by tag or digest."""
        return self.manifests.get(self.tags.get(wanted, wanted))


class Store:
    """Repositories by name, and the uploads under way. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._repositories: dict[str, Repository] = {}
        self._uploads: dict[str, bytearray] = {}
        self._numbers = count(1)

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

    def put_manifest(self, name: str, wanted: str, raw: bytes, media_type: str) -> Digest | None:
        """The digest it is stored under; None where it was pushed by another one."""
        digest = Digest.of(raw)
        if ":" in wanted and not Digest.parse(wanted).matches(raw):
            return None
        repository = self.repository(name)
        with self._lock:
            repository.manifests[str(digest)] = raw, media_type
            if ":" not in wanted:
                repository.tags[wanted] = str(digest)
        return digest

    def start_upload(self) -> str:
        with self._lock:
            number = f"upload-{next(self._numbers)}"
            self._uploads[number] = bytearray()
            return number

    def upload(self, number: str) -> bytearray | None:
        return self._uploads.get(number)

    def cancel(self, number: str) -> None:
        self._uploads.pop(number, None)

    def finish_upload(self, number: str, name: str, digest: str) -> bool:
        """Whether the bytes are those that the digest names; they are a blob then."""
        data = bytes(self._uploads.pop(number))
        if not Digest.parse(digest).matches(data):
            return False
        self.repository(name).blobs[digest] = data
        return True

    @property
    def uploads(self) -> Mapping[str, bytearray]:
        return self._uploads


def _media_type_of(raw: bytes) -> str:
    import json

    parsed = json.loads(raw)
    return str(parsed.get("mediaType", "application/octet-stream")) if isinstance(parsed, dict) else ""

"""Where a server of ours keeps what it is sent, and finds what it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.streams.spool import Spool


class StoredBlob(Protocol):
    """A Spool is one."""

    @property
    def size(self) -> int: ...

    def chunks(self, start: int = 0) -> Iterator[bytes]: ...


class BlobStore(Protocol):
    """Called from several threads. Names, tags and digests are well-formed, and content is what
    its digest says: the server has seen to that. What it must not keep it refuses by raising Refusal."""

    def blob(self, repository: str, digest: Digest) -> StoredBlob | None: ...

    def put_blob(self, repository: str, digest: Digest, blob: Spool) -> None:
        """`blob` belongs to the store from now on."""
        ...

    def mount(self, repository: str, digest: Digest, source: str) -> bool:
        """Whether a blob of another repository is one of this, too. The client may be kept from seeing the other."""
        ...

    def manifest(self, repository: str, wanted: str) -> Document | None:
        """By tag or digest."""
        ...

    def put_manifest(self, repository: str, tag: str, document: Document) -> None:
        """All that `document` names is there already. `tag` is empty where it was pushed by digest."""
        ...

    def tags(self, repository: str) -> Sequence[str] | None:
        """In lexical order; None where there is no such repository."""
        ...

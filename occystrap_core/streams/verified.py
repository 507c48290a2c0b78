"""Streams that are checked, or measured, while they pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import DigestMismatch


def verified(chunks: Iterable[Chunk], descriptor: Descriptor, what: str) -> Iterator[Chunk]:
    """The same chunks; DigestMismatch after the last one, or with the first byte too many.

    `what` names the content in the error: "layer", "config".
    """
    hasher = descriptor.digest.hasher()
    update = hasher.update
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > descriptor.size:
            raise DigestMismatch(
                f"{what} {descriptor.digest.short}… is larger than the {descriptor.size} bytes of its descriptor"
            )
        update(chunk)
        yield chunk
    if size != descriptor.size:
        raise DigestMismatch(
            f"{what} {descriptor.digest.short}… is {size} bytes, its descriptor says {descriptor.size}"
        )
    found = Digest(descriptor.digest.algorithm, hasher.hexdigest())
    if found != descriptor.digest:
        raise DigestMismatch(f"{what} {descriptor.digest.short}… has other content: its digest is {found}")


class Measured:
    """The same chunks, iterated once; afterwards `digest` and `size` say what went by."""

    __slots__ = ("_algorithm", "_chunks", "_hasher", "size")

    def __init__(self, chunks: Iterable[Chunk], algorithm: str = "sha256") -> None:
        self._chunks = chunks
        self._algorithm = algorithm
        self._hasher = hashlib.new(algorithm)
        self.size = 0

    def __iter__(self) -> Iterator[Chunk]:
        update = self._hasher.update
        for chunk in self._chunks:
            update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def digest(self) -> Digest:
        return Digest(self._algorithm, self._hasher.hexdigest())

"""Streams that are checked, or measured, while they pass."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, nullcontext

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest, Hasher
from occystrap_core.model.errors import DigestMismatch
from occystrap_core.streams.background import hashing_beside
from occystrap_core.streams.reading import reading


def verified(
    chunks: Iterable[Chunk], descriptor: Descriptor, what: str, *, threaded: bool = False
) -> Generator[Chunk, None, None]:
    """The same chunks; DigestMismatch after the last one, or with the first byte too many.

    `what` names the content in the error: "layer", "config". `threaded` as in Measured.
    """
    hasher = descriptor.digest.hasher()
    promised = descriptor.size
    size = 0
    with reading(chunks) as incoming, _hashing(hasher, threaded) as update:
        for chunk in incoming:
            size += len(chunk)
            if size > promised:
                raise DigestMismatch(
                    f"{_named(what, descriptor)} is larger than the {promised} bytes of its descriptor"
                )
            update(chunk)
            yield chunk
    if size != promised:
        raise DigestMismatch(f"{_named(what, descriptor)} is {size} bytes, its descriptor says {promised}")
    found = Digest(descriptor.digest.algorithm, hasher.hexdigest())
    if found != descriptor.digest:
        raise DigestMismatch(f"{_named(what, descriptor)} has other content, whose digest is {found}")


def _named(what: str, descriptor: Descriptor) -> str:
    return f"{what} {descriptor.digest.short}…"


class Measured:
    """The same chunks, iterated once; `digest` and `size` say what went by when the iteration ended.

    `threaded` hashes beside the thread that iterates, which pays where that one has other
    work to do with every chunk.
    """

    __slots__ = ("_algorithm", "_chunks", "_hasher", "_threaded", "size")

    def __init__(self, chunks: Iterable[Chunk], algorithm: str = "sha256", *, threaded: bool = False) -> None:
        self._chunks = chunks
        self._algorithm = algorithm
        self._hasher = hashlib.new(algorithm)
        self._threaded = threaded
        self.size = 0

    def __iter__(self) -> Generator[Chunk, None, None]:
        with reading(self._chunks) as incoming, _hashing(self._hasher, self._threaded) as update:
            for chunk in incoming:
                update(chunk)
                self.size += len(chunk)
                yield chunk

    @property
    def digest(self) -> Digest:
        return Digest(self._algorithm, self._hasher.hexdigest())


def _hashing(hasher: Hasher, threaded: bool) -> AbstractContextManager[Callable[[Chunk], None]]:
    return hashing_beside(hasher) if threaded else nullcontext(hasher.update)

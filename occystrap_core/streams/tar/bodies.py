"""Bodies that do not come from the archive an entry was read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import InvalidTar
from occystrap_core.streams.tar.segments import padding_of


def exactly(chunks: Iterable[Chunk], size: int) -> Iterator[Chunk]:
    """`chunks`, which must be `size` bytes together."""
    left = size
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise InvalidTar(f"the new body of a tar entry is {'longer' if left < 0 else 'shorter'} than its {size} bytes")


class GivenBody:
    """A body somebody handed in. `turn` is its size."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: Iterable[Chunk] | bytes) -> None:
        self._chunks = chunks

    def pieces(self, turn: int, size: int) -> Iterator[Chunk]:
        chunks = self._chunks
        return exactly((chunks,) if isinstance(chunks, bytes) else chunks, size)

    def whole(self, turn: int, size: int) -> bytes | None:
        chunks = self._chunks
        if not isinstance(chunks, bytes):
            return None
        return b"".join([*exactly((chunks,), size), bytes(padding_of(size))])

    def padding(self, turn: int) -> bytes:
        return bytes(padding_of(turn))

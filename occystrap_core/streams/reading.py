"""How a stage reads the stage before it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from occystrap_core.contracts.input import Chunk

_C = TypeVar("_C", bound=Chunk)


@contextmanager
def reading(chunks: Iterable[_C]) -> Iterator[Iterator[_C]]:
    """Iterate inside the block; a generator is closed with it, however the block is left.

    Otherwise the threads, sockets and files of the stages before would live until an error's
    traceback is forgotten.
    """
    iterator = iter(chunks)
    try:
        yield iterator
    finally:
        if isinstance(iterator, Generator):
            iterator.close()

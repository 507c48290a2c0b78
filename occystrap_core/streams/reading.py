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
        # The garbage collector, which any thread may run, can come here while the stage before is just being closed.
        if isinstance(iterator, Generator) and not getattr(iterator, "gi_running", False):
            iterator.close()

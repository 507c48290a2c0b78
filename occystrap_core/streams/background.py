"""Hashing beside the thread that moves the bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.digest import Hasher

_DEPTH = 4


@contextmanager
def hashing_beside(hasher: Hasher) -> Iterator[Callable[[Chunk], None]]:
    """An `update` that leaves the work to another thread, at most four chunks behind.

    Leaving the block waits for that thread to have hashed them all, and ends it.
    Memoryviews are copied.
    """
    work: SimpleQueue[bytes | None] = SimpleQueue()
    room: SimpleQueue[None] = SimpleQueue()
    for _ in range(_DEPTH):
        room.put(None)

    def update(data: Chunk) -> None:
        room.get()
        work.put(data if isinstance(data, bytes) else bytes(data))

    def hash_all() -> None:
        while (data := work.get()) is not None:
            hasher.update(data)
            room.put(None)

    # Daemonic, so that an iterator nobody closed cannot keep the process from ending.
    thread = threading.Thread(target=hash_all, name="hash", daemon=True)
    thread.start()
    try:
        yield update
    finally:
        work.put(None)
        thread.join()

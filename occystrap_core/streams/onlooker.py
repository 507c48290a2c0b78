"""A second reader of a stream, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import CorruptStream
from occystrap_core.streams.reading import reading

_DEPTH = 4


@contextmanager
def looked_on(chunks: Iterable[Chunk], read: Callable[[Iterator[bytes]], None]) -> Iterator[Iterable[Chunk]]:
    """The same chunks, which `read` is shown, too: it may be four chunks behind, then what passes waits.

    Leaving the block waits for `read` to end. Where not all chunks passed, what it reads ends in an
    error; what it raises itself is its own affair. Memoryviews are copied.
    """
    onlooker = _Onlooker(read)
    onlooker.start()
    try:
        yield onlooker.passing(chunks)
    finally:
        onlooker.finish()


class _Onlooker:
    """`_room` holds one token for each chunk that may pass before the reader took it."""

    __slots__ = ("_all_passed", "_read", "_room", "_shown", "_thread")

    def __init__(self, read: Callable[[Iterator[bytes]], None]) -> None:
        self._read = read
        self._shown: SimpleQueue[bytes | None] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(_DEPTH):
            self._room.put(None)
        self._all_passed = False
        # Daemonic, so that a reader that hangs cannot keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="onlooker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def passing(self, chunks: Iterable[Chunk]) -> Generator[Chunk, None, None]:
        wait_for_room, show = self._room.get, self._shown.put
        with reading(chunks) as incoming:
            for chunk in incoming:
                wait_for_room()
                show(chunk if isinstance(chunk, bytes) else bytes(chunk))
                yield chunk
        self._all_passed = True

    def finish(self) -> None:
        self._shown.put(None)
        self._thread.join()

    def _run(self) -> None:
        shown = self._received()
        try:
            self._read(shown)
        finally:
            # Whatever became of the reader, what passes must not wait for it.
            shown.close()
            while self._shown.get() is not None:
                self._room.put(None)

    def _received(self) -> Generator[bytes, None, None]:
        receive, make_room = self._shown.get, self._room.put
        while (chunk := receive()) is not None:
            make_room(None)
            yield chunk
        self._shown.put(None)
        if not self._all_passed:
            raise CorruptStream("the stream was given up before its end")

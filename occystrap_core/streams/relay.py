"""A stage of a pipeline on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from queue import SimpleQueue

from occystrap_core.contracts.input import Chunk
from occystrap_core.streams.reading import reading


def relay(
    chunks: Iterable[Chunk], depth: int = 4, give_up: Callable[[], None] | None = None
) -> Generator[bytes, None, None]:
    """The same chunks, made by a thread that runs at most `depth` of them ahead.

    What `chunks` raises is raised here. The thread starts with the first chunk asked for and
    has ended when this iterator ends, is closed or raises; closing waits for the chunk that
    is just being made, after `give_up` was called to hurry it. Memoryviews are copied.
    """
    stage = _Stage(chunks, depth)
    stage.start()
    try:
        yield from stage.received()
    except BaseException:
        if give_up is not None:
            give_up()
        raise
    finally:
        stage.stop()


class _End:
    """The last thing a stage sends: the error it ended with, or None."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Stage:
    """`_room` holds one token for each chunk that may yet be made ahead of the consumer."""

    __slots__ = ("_chunks", "_ready", "_room", "_stopped", "_thread")

    def __init__(self, chunks: Iterable[Chunk], depth: int) -> None:
        self._chunks = chunks
        self._ready: SimpleQueue[bytes | _End] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(depth):
            self._room.put(None)
        self._stopped = False
        # Daemonic, so that an iterator nobody closed cannot keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def received(self) -> Iterator[bytes]:
        receive, make_room = self._ready.get, self._room.put
        while not isinstance(item := receive(), _End):
            make_room(None)
            yield item
        if item.error is not None:
            try:
                raise item.error
            finally:
                del item  # an error that refers to itself keeps every stage alive

    def stop(self) -> None:
        self._stopped = True
        self._room.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._send_all()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the consumer
            self._ready.put(_End(error))
        else:
            self._ready.put(_End(None))

    def _send_all(self) -> None:
        wait_for_room, send = self._room.get, self._ready.put
        with reading(self._chunks) as incoming:
            wait_for_room()
            while not self._stopped and (chunk := next(incoming, None)) is not None:
                send(chunk if isinstance(chunk, bytes) else bytes(chunk))
                wait_for_room()

"""An archive that is sent to a daemon while it is being written."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.errors import TransferError
from occystrap_core.streams.spool import Spool

_DEPTH = 8


class LoadTarget:
    """Implements docker_archive.target.Target. `load` takes the archive, on a thread of its own
    that starts with the first write; what it raises is raised by the next write, or by `commit`."""

    is_seekable = False

    def __init__(self, load: Callable[[Iterable[bytes]], object]) -> None:
        self.position = 0
        self._load = load
        self._sent: SimpleQueue[bytes | None] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(_DEPTH):
            self._room.put(None)
        self._error: BaseException | None = None
        self._complete = False
        self._thread: threading.Thread | None = None

    def write(self, chunk: Chunk) -> None:
        if self._thread is None:
            self._start()
        self._room.get()
        if self._error:
            self._room.put(None)
            raise self._error
        self._sent.put(bytes(chunk))
        self.position += len(chunk)

    def append(self, spool: Spool) -> None:
        for chunk in spool.chunks():
            self.write(chunk)

    def patch(self, position: int, block: bytes) -> None:
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def rewind(self, position: int) -> None:
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def commit(self) -> None:
        """Returns when the daemon has taken everything."""
        self._complete = True
        self._end()
        if self._error:
            raise self._error

    def abort(self) -> None:
        self._end()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        if thread:
            self._sent.put(None)
            thread.join()

    def _run(self) -> None:
        try:
            self._load(self._body())
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever writes
            self._error = error
        finally:
            self._room.put(None)

    def _body(self) -> Iterator[bytes]:
        receive, make_room = self._sent.get, self._room.put
        while (chunk := receive()) is not None:
            make_room(None)
            if chunk:
                yield chunk
        if not self._complete:
            raise TransferError("the archive was not completed")

"""Blobs that get their names beside the work that goes on: some destinations are sent them only then."""

from __future__ import annotations

import threading
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor

from occystrap_core.contracts.output import Output, Staged
from occystrap_core.contracts.progress import Task
from occystrap_core.engine.schedule import Stop
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import attributed


class Keeping:
    """On a few threads. `failure` is the first thing that went wrong, here or, by `failed`, elsewhere; it
    stops the run."""

    def __init__(self, output: Output, stop: Stop, at_once: int) -> None:
        self._output = output
        self._stop = stop
        self._kept: list[tuple[Staged, Digest]] = []
        self._guard = threading.Lock()
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="keep")
        self._room = threading.BoundedSemaphore(at_once)
        self.failure: BaseException | None = None

    def keep(self, staged: Staged, blob: Descriptor, task: Task) -> None:
        """Waits only where as many are being kept as may be at once."""
        self._room.acquire()
        self._pool.submit(self._keep_now, staged, blob, task)

    def failed(self, error: BaseException) -> None:
        with self._guard:
            self.failure = self.failure or error
        self._stop.set()

    def finish(self) -> None:
        """Return when all are kept."""
        self._pool.shutdown()
        if self.failure:
            raise self.failure

    def abandon(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def discard_all_but(self, named: Container[Digest]) -> None:
        for staged, digest in self._kept:
            if digest not in named:
                with attributed("destination"):
                    self._output.discard(staged)

    def _keep_now(self, staged: Staged, blob: Descriptor, task: Task) -> None:
        try:
            with attributed("destination"):
                self._output.keep(staged, blob, None)
            self._kept.append((staged, blob.digest))
            task.done()
        except BaseException as error:  # noqa: BLE001  # raised again where everybody waits
            self.failed(error)
        finally:
            self._room.release()

"""Running layer work on a few threads: results in order, the first error stops the rest."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from itertools import count
from typing import TypeVar

from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.interruptible import Interruptible
from occystrap_core.contracts.progress import Task
from occystrap_core.model.errors import OccystrapError
from occystrap_core.streams.reading import reading

_BETWEEN_CLEANINGS = 16
"""Jobs. What the interpreter keeps for reuse pins half a megabyte with every layer where that is never let go."""

Job = TypeVar("Job")
Result = TypeVar("Result")


class Stopped(OccystrapError):
    """Another part of the run failed or was interrupted; never the error to show."""


class Stop:
    """A switch that every stream of a run looks at between two chunks; `parts` that may be waiting
    for the next chunk are interrupted."""

    def __init__(self, *parts: object) -> None:
        self._event = threading.Event()
        self._parts = [part for part in parts if isinstance(part, Interruptible)]

    def set(self) -> None:
        self._event.set()
        for part in self._parts:
            part.interrupt()

    def require_running(self) -> None:
        if self._event.is_set():
            raise Stopped("the run was stopped")

    def tap(self, chunks: Iterable[Chunk], task: Task) -> Iterator[Chunk]:
        """Pass chunks on, count them for `task`, and end the stream once the run is stopped."""
        require_running, advance = self.require_running, task.advance
        with reading(chunks) as incoming:
            for chunk in incoming:
                require_running()
                advance(len(chunk))
                yield chunk


def run_all(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int, stop: Stop) -> list[Result]:
    """`work` on every job, started in order. Returns only when no thread is at work any more.

    Even a single job has a thread of its own: this one is free to be interrupted.
    """
    finished = count(1)

    def worked_on(job: Job) -> Result:
        result = work(job)
        if next(finished) % _BETWEEN_CLEANINGS == 0:
            gc.collect()
        return result

    pool = ThreadPoolExecutor(max_workers=max(1, min(workers, len(jobs))), thread_name_prefix="layer")
    futures: list[Future[Result]] = []
    failed: list[Future[Result]] = []
    succeeded = False
    try:
        # An interruption may come while jobs are still being handed out: those at work must stop then too.
        for job in jobs:
            futures.append(pool.submit(worked_on, job))
        wait(futures, return_when=FIRST_EXCEPTION)
        # What fails once the others are stopped fails because of that.
        failed = [future for future in futures if future.done() and future.exception()]
        succeeded = not failed
    finally:
        if not succeeded:
            stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    return [future.result() for future in failed or futures]

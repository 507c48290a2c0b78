"""Running layer work on a few threads: results in order, the first error stops the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.progress import Task
from occystrap_core.model.errors import OccystrapError

Job = TypeVar("Job")
Result = TypeVar("Result")


class Stopped(OccystrapError):
    """Another part of the run failed or was interrupted; never the error to show."""


class Stop:
    """A switch that every stream of a run looks at between two chunks."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def tap(self, chunks: Iterable[Chunk], task: Task) -> Iterator[Chunk]:
        """Pass chunks on, count them for `task`, and end the stream once the run is stopped."""
        stopped, advance = self._event.is_set, task.advance
        for chunk in chunks:
            if stopped():
                raise Stopped("the run was stopped")
            advance(len(chunk))
            yield chunk


def run_all(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int, stop: Stop) -> list[Result]:
    """`work` on every job, started in order. Returns only when no thread is at work any more."""
    if len(jobs) == 1:
        return [work(jobs[0])]
    pool = ThreadPoolExecutor(max_workers=max(1, min(workers, len(jobs))), thread_name_prefix="layer")
    futures: list[Future[Result]] = []
    succeeded = False
    try:
        # An interruption may come while jobs are still being handed out: those at work must stop then too.
        for job in jobs:
            futures.append(pool.submit(work, job))
        wait(futures, return_when=FIRST_EXCEPTION)
        succeeded = all(future.done() and future.exception() is None for future in futures)
    finally:
        if not succeeded:
            stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    return _results(futures)


def _results(futures: Sequence[Future[Result]]) -> list[Result]:
    errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
    for error in errors:
        if not isinstance(error, Stopped):
            raise error
    return [future.result() for future in futures]

"""Work that runs side by side and whose results come one job after the other, as they are made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Generic, TypeVar

from occystrap_core.engine.schedule import Stop, Stopped

Job = TypeVar("Job")
Result = TypeVar("Result")

_AHEAD = 4096
"""How many results of a job wait for its turn before its thread does."""


def in_turn(
    work: Callable[[Job], Generator[Result, None, None]], jobs: Sequence[Job], workers: int, stop: Stop
) -> Generator[tuple[Job, Iterator[Result]], None, None]:
    """Each job with its results, to be taken before the next is asked for.

    What `work` raises is raised among the results of its job. Closing stops all work, and
    returns only when no thread is at it any more.
    """
    turns: list[_Turn[Job, Result]] = [_Turn(job) for job in jobs]
    pool = ThreadPoolExecutor(max_workers=max(1, min(workers, len(jobs))), thread_name_prefix="layer")
    done = False
    try:
        # Started in order, so that the job whose turn it is never waits for the thread of a later one.
        for turn in turns:
            pool.submit(turn.run, work)
        for turn in turns:
            yield turn.job, turn.results()
        done = True
    finally:
        if not done:
            stop.set()
        for turn in turns:
            turn.give_up()
        pool.shutdown(wait=True, cancel_futures=True)


class _End:
    __slots__ = ("error",)

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Turn(Generic[Job, Result]):
    def __init__(self, job: Job) -> None:
        self.job = job
        self._ready: SimpleQueue[Result | _End] = SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._given_up = False

    def run(self, work: Callable[[Job], Generator[Result, None, None]]) -> None:
        results = work(self.job)
        try:
            for result in results:
                self._room.acquire()
                if self._given_up:
                    raise Stopped("the run was stopped")
                self._ready.put(result)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the results are taken
            self._ready.put(_End(error))
        else:
            self._ready.put(_End(None))
        finally:
            results.close()

    def results(self) -> Iterator[Result]:
        while not isinstance(item := self._ready.get(), _End):
            self._room.release()
            yield item
        if item.error is not None:
            raise item.error

    def give_up(self) -> None:
        self._given_up = True
        self._room.release()

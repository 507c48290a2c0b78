"""How the work goes on: bars on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import threading
import time
from typing import IO, Protocol

from occystrap_core.cli.messages import finished_line, warning, write_line
from occystrap_core.cli.rendering import format_size, plural, safe
from occystrap_core.contracts.progress import Progress, Task

INTERVAL = 10.0


class ClosableProgress(Progress, Protocol):
    def close(self) -> None:
        """Take down what is still shown; lines may be said afterwards."""
        ...


def progress_on(stream: IO[str], *, quiet: bool, verbose: bool) -> ClosableProgress:
    if quiet:
        return Quiet(stream)
    if stream.isatty():
        from occystrap_core.cli.bars import Bars  # tqdm is slow to import and of no use in a pipe

        return Bars(stream, verbose=verbose)
    return Lines(stream, verbose=verbose)


class Quiet:
    """Warnings and nothing else."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def start(self, title: str, total: int | None) -> Task:
        return _Unseen()

    def say(self, line: str) -> None:
        pass

    def warn(self, line: str) -> None:
        write_line(self._stream, warning(line, self._stream))

    def close(self) -> None:
        pass


class _Unseen:
    def advance(self, count: int) -> None:
        pass

    def done(self, note: str = "") -> None:
        pass


class Lines:
    """Without a terminal: what is said, and at most every ten seconds how far it is."""

    def __init__(self, stream: IO[str], *, verbose: bool, interval: float = INTERVAL) -> None:
        self._stream = stream
        self._verbose = verbose
        self._interval = interval
        self._lock = threading.Lock()
        self._running: dict[int, _Counted] = {}
        self._finished = self._bytes = 0
        self.next_line = time.monotonic() + interval

    def start(self, title: str, total: int | None) -> Task:
        task = _Counted(self, title, total)
        with self._lock:
            self._running[id(task)] = task
        return task

    def say(self, line: str) -> None:
        with self._lock:
            write_line(self._stream, safe(line))

    def warn(self, line: str) -> None:
        with self._lock:
            write_line(self._stream, warning(line, self._stream))

    def close(self) -> None:
        with self._lock:
            self._running.clear()

    def tell(self) -> None:
        """The line that is due, unless another thread was faster."""
        with self._lock:
            if time.monotonic() < self.next_line:
                return
            self.next_line = time.monotonic() + self._interval
            moved = self._bytes + sum(task.count for task in self._running.values())
            running = ", ".join(task.title_and_share() for task in list(self._running.values())[:4])
            write_line(self._stream, f"{plural(self._finished, 'blob')} done, {format_size(moved)} so far: {running}")

    def finished(self, task: _Counted, note: str) -> None:
        with self._lock:
            if self._running.pop(id(task), None) is None:
                return
            self._finished += 1
            self._bytes += task.count
            if self._verbose:
                write_line(self._stream, finished_line(task.title, note))


class _Counted:
    def __init__(self, lines: Lines, title: str, total: int | None) -> None:
        self._lines = lines
        self.title = title
        self._total = total
        self.count = 0

    def advance(self, count: int) -> None:
        self.count += count
        if time.monotonic() >= self._lines.next_line:
            self._lines.tell()

    def done(self, note: str = "") -> None:
        self._lines.finished(self, note)

    def title_and_share(self) -> str:
        share = f"{100 * self.count // self._total} %" if self._total else format_size(self.count)
        return f"{safe(self.title)} {share}"

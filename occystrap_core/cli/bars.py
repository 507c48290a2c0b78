"""Progress bars on a terminal, by tqdm. Imported only where there is one."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import IO

from tqdm.std import tqdm

from occystrap_core.cli.messages import finished_line, warning
from occystrap_core.cli.rendering import safe
from occystrap_core.contracts.progress import Task

_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {rate_fmt}"
_FORMAT_WITHOUT_TOTAL = "{desc} {n_fmt} {rate_fmt}"
_DEFAULT_SIZE = {"ncols": 80, "nrows": 24}


class Bars:
    """A bar for each blob on its way, gone when it has arrived."""

    def __init__(self, stream: IO[str], *, verbose: bool) -> None:
        self._stream = stream
        self._verbose = verbose
        self._running: set[_Bar] = set()
        self._lock = threading.RLock()
        tqdm.set_lock(self._lock)
        tqdm.monitor_interval = 0  # its watching thread would only redraw bars that stand still

    def start(self, title: str, total: int | None) -> Task:
        with self._lock:
            bar = _Bar(self, title, total, self._stream)
            self._running.add(bar)
        return bar

    def say(self, line: str) -> None:
        tqdm.write(safe(line), file=self._stream)

    def warn(self, line: str) -> None:
        tqdm.write(warning(line, self._stream), file=self._stream)

    def close(self) -> None:
        with self._lock:
            for bar in list(self._running):
                self._running.discard(bar)
                bar.close()

    def finished(self, bar: _Bar, note: str) -> None:
        with self._lock:
            if bar not in self._running:
                return
            self._running.discard(bar)
            bar.close()
            if self._verbose:
                self.say(finished_line(bar.title, note))


class _Bar:
    def __init__(self, bars: Bars, title: str, total: int | None, stream: IO[str]) -> None:
        self.title = title
        self._bars = bars
        self._stream = stream
        self._tqdm = tqdm(
            desc=safe(title)[:40],
            total=total,
            file=stream,
            leave=False,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            **_size(stream),
            bar_format=_FORMAT if total else _FORMAT_WITHOUT_TOTAL,
        )
        self.advance = self._tqdm.update

    def close(self) -> None:
        self._tqdm.close()
        self._stream.write("\r")  # tqdm leaves the cursor behind the blanks it wrote over a bar
        self._stream.flush()

    def done(self, note: str = "") -> None:
        self._bars.finished(self, note)


def _size(stream: IO[str]) -> Mapping[str, int | bool]:
    """Terminals that a program made, as in many CI systems, have no rows and columns at all."""
    try:
        known = all(os.get_terminal_size(stream.fileno()))
    except (OSError, ValueError):
        known = False
    return {"dynamic_ncols": True} if known else _DEFAULT_SIZE

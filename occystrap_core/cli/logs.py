"""Log lines of libraries and plugins, on stderr with everything else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from occystrap_core.contracts.progress import Progress

_PACKAGES = ("occystrap_core", "occystrap_inputs", "occystrap_outputs", "occystrap_filters", "occystrap_checks")


def send_logs_to(progress: Progress, *, verbose: bool, debug: bool) -> Callable[[], None]:
    """Warnings always; with `verbose` all that Occystrap logs, with `debug` all that anybody does.

    What this returns ends it: the next run in this process has a progress of its own.
    """
    root, handler = logging.getLogger(), _ToProgress(progress)
    level_before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if debug else logging.WARNING)
    _set_own_level(logging.DEBUG if verbose else logging.NOTSET)

    def stop() -> None:
        root.removeHandler(handler)
        root.setLevel(level_before)
        _set_own_level(logging.NOTSET)

    return stop


def _set_own_level(level: int) -> None:
    for name in _PACKAGES:
        logging.getLogger(name).setLevel(level)


class _ToProgress(logging.Handler):
    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self._progress.warn(record.getMessage())
        else:
            when = datetime.fromtimestamp(record.created).isoformat(" ", "microseconds")
            self._progress.say(f"{when} {record.levelname}: {record.getMessage()}")

"""Log lines of libraries and plugins, on stderr with everything else."""

from __future__ import annotations

import logging
from datetime import datetime

from occystrap_core.contracts.progress import Progress


def send_logs_to(progress: Progress, *, verbose: bool, debug: bool) -> None:
    """Warnings always; with `verbose` all that Occystrap logs, with `debug` all that anybody does."""
    logging.basicConfig(handlers=[_ToProgress(progress)], level=logging.DEBUG if debug else logging.WARNING, force=True)
    for name in ("occystrap_core", "occystrap_inputs", "occystrap_outputs", "occystrap_filters", "occystrap_checks"):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.NOTSET)


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

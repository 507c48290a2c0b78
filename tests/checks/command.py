"""The command in this process, for tests that run it many times."""

from __future__ import annotations

import gc
import io
import signal
from contextlib import redirect_stderr, redirect_stdout

from occystrap_core.cli.entry import main
from tests.peers import Result


def run_here(*arguments: str) -> Result:
    """As `run_cli`, without a process of its own."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(list(arguments))
    finally:
        gc.enable()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return Result(code, out.getvalue(), err.getvalue())

"""One run of the command line: from arguments to an exit code, whatever happens in between."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import NoReturn

import click

from occystrap_core.cli.app import app
from occystrap_core.cli.rendering import complain, safe, silence
from occystrap_core.cli.session import Session
from occystrap_core.model.errors import OccystrapError, transfer_error

NAME = "occystrap"
MAX_WIDTH = 100
COMPLETION_VARIABLE = "_OCCYSTRAP_COMPLETE"
USAGE, FAILED, INTERRUPTED, BROKEN_PIPE = 2, 3, 130, 141


class Terminated(KeyboardInterrupt):
    """A polite request to stop, answered as Ctrl-C is, with the exit code a shell expects."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


def run(arguments: list[str]) -> int:
    session = Session(arguments)
    _mend_streams()
    try:
        code = _answer(arguments, session)
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
        silence(sys.stderr)
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # nothing may reach a user as a traceback
        session.close()
        if session.debug:
            _show_traceback(error)
        return _explain(error)
    return code


def _mend_streams() -> None:
    """Streams that were closed become empty or bottomless, and no character is too strange to be written.

    Opened in this order they get the numbers that no other file may get.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - open until the process ends
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="backslashreplace")


def _answer(arguments: list[str], session: Session) -> int:
    if COMPLETION_VARIABLE in os.environ:
        return _complete(session, os.environ[COMPLETION_VARIABLE])
    if not arguments:
        with app.make_context(NAME, [], obj=session, resilient_parsing=True, terminal_width=_width()) as context:
            click.echo(context.get_help(), err=True)
        return USAGE
    try:
        with session, app.make_context(NAME, list(arguments), obj=session, terminal_width=_width()) as context:
            gc.enable()
            _listen_for_signals()
            app.invoke(context)
    except click.exceptions.Exit as done:
        gc.freeze()  # help is over; the interpreter need not search all of click for cycles before it ends
        return done.exit_code
    return 0


def _complete(session: Session, instruction: str) -> int:
    """Answer a shell that waits for a TAB: with suggestions or with nothing, but never with an error."""
    from click.shell_completion import shell_complete

    try:
        return shell_complete(app, {"obj": session}, NAME, COMPLETION_VARIABLE, instruction)
    except (OccystrapError, click.ClickException):
        return FAILED


def _width() -> int:
    """The width of help. click would find it with shutil, which takes longer to import than all our help."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns)
    except (OSError, ValueError):
        columns = 80
    return max(50, min(columns, MAX_WIDTH) - 2)


def _explain(error: BaseException) -> int:
    """Say in one line what went wrong; the exit code that goes with it."""
    match error:
        case KeyboardInterrupt():
            complain("Interrupted", "stopped before it was done")
            return getattr(error, "exit_code", INTERRUPTED)
        case OccystrapError():
            complain("Error", str(error))
            return error.exit_code
        case click.UsageError():
            complain("Error", _usage(error))
            return error.exit_code
        case click.ClickException():
            complain("Error", error.format_message())
            return FAILED  # click's own code would say "findings"
        case OSError():
            complain("Error", str(transfer_error(error)))
            return FAILED
    words = f"{type(error).__name__}: {error}".removesuffix(": ")
    complain("Error", f"internal error: {words} (--debug shows where; please report it)")
    return FAILED


def _usage(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        error = click.NoSuchOption(error.option_name, None, _close(error), error.ctx)
    message = " ".join(error.format_message().split()).rstrip(".")
    command = error.ctx.command_path if error.ctx else NAME
    return f"{message} (see '{command} --help')"


def _close(error: click.NoSuchOption) -> list[str]:
    """The option that was meant, if there is one: two hyphens alone are no likeness."""
    from difflib import get_close_matches

    bare = {option.lstrip("-"): option for option in error.possibilities or ()}
    return [bare[match] for match in get_close_matches(error.option_name.lstrip("-"), bare, n=1)]


def _show_traceback(error: BaseException) -> None:
    import traceback

    for line in "".join(traceback.format_exception(error)).splitlines():
        click.echo(safe(line), err=True)


def _listen_for_signals() -> None:
    import signal

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated(number)

"""The console script. It answers `--version` before anything else is imported."""

from __future__ import annotations

import sys

_MODULES_ARE_NO_GARBAGE = 100_000
"""Objects made before a search for garbage: what a command imports shall not set one off."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line `arguments`, by default the process's own; the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["--version"]:
        from occystrap_core._version import VERSION

        sys.stdout.write(f"occystrap {VERSION}\n")
        return 0
    import gc

    gc.disable()  # nothing made while starting is garbage; run() turns it on again
    from occystrap_core.cli.run import run

    if arguments is not None:
        return run(given)
    gc.set_threshold(_MODULES_ARE_NO_GARBAGE)
    code = run(given)
    gc.freeze()  # the process ends: the interpreter need not search all that there is for cycles
    return code

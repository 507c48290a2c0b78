"""The console script. It answers `--version` before anything else is imported."""

from __future__ import annotations

import sys


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

    return run(given)

"""Running a command and measuring it as the operating system accounts for it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One finished command. `peak` is in bytes, of the largest single process."""

    wall: float
    cpu: float
    peak: int


class CommandFailed(RuntimeError):
    pass


# A process that is started from a large one inherits its peak, so a fresh small one starts the
# command, and reads the clock and the accounts next to it.
_STARTER = """
import json, os, sys, time
report, log, *command = sys.argv[1:]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
started = time.perf_counter()
child = os.posix_spawnp(command[0], command, os.environ, file_actions=[
    (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)])
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - started
code = os.waitstatus_to_exitcode(status)
with open(report, "w") as file:
    json.dump([code, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024], file)
"""


def run(command: Sequence[str | Path], log: Path) -> Run:
    words = [str(word) for word in command]
    report = log.with_suffix(".report")
    subprocess.run([sys.executable, "-S", "-E", "-c", _STARTER, report, log, *words], check=True)
    code, wall, cpu, peak = json.loads(report.read_text())
    if code:
        tail = log.read_text(errors="replace")[-1500:]
        raise CommandFailed(f"{' '.join(words)} ended with {code}:\n{tail}")
    return Run(wall, cpu, peak)


def median(runs: Sequence[Run]) -> Run:
    return Run(
        statistics.median(each.wall for each in runs),
        statistics.median(each.cpu for each in runs),
        max(each.peak for each in runs),
    )


def in_turn(commands: dict[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """A B C A B C …, so that a machine that slows down slows everybody."""
    results: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            print(f"    {name} {number + 1}/{rounds}", end="\r", file=sys.stderr, flush=True)
            results[name].append(command())
    return results

"""Running a command and measuring it as the operating system accounts for it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
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


def run(command: Sequence[str | Path], log: Path) -> Run:
    started = time.perf_counter()
    with log.open("ab") as out:
        out.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        tail = log.read_text(errors="replace")[-1500:]
        raise CommandFailed(f"{command[0]} ended with {process.returncode}:\n{tail}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


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

"""Running the console blocks of a page, and comparing what they print with what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import Fence

_DONE = "-- that was command"
_SECONDS = re.compile(r"\b\d+\.\d+s\b")
_SIZE = re.compile(r"\b(\d+\.\d) (KB|MB)\b")
_TOLERANCE = 0.1  # compression libraries become better
_OWN_VARIABLES = ("OCCYSTRAP_", "XDG_", "DOCKER_", "REGISTRY_")


@dataclass(frozen=True)
class Step:
    """A command as the page shows it, and the output it shows, None where it shows none."""

    command: str
    shown: str | None

    @property
    def may_fail(self) -> bool:
        return self.shown is not None and bool(re.search(r"^(Error|Verification errors):", self.shown, re.MULTILINE))


@dataclass(frozen=True)
class Outcome:
    code: int
    output: str


def steps(fence: Fence) -> list[Step]:
    """`$ ` begins a command, a backslash at its end continues it; what follows is its output."""
    found: list[Step] = []
    lines = iter(fence.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            found.append(Step(command, None))
        else:
            assert found, f"{fence.where}: output stands before the first command"
            last = found[-1]
            found[-1] = Step(last.command, line if last.shown is None else f"{last.shown}\n{line}")
    return found


def run(block: list[Step], folder: Path, extra: Mapping[str, str]) -> list[Outcome]:
    """All of it in one shell, so that `$?` and variables go from one command to the next."""
    script = "".join(f"{step.command}\n(code=$?; printf '\\n{_DONE} %s\\n' $code; exit $code)\n" for step in block)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=_environment(folder, extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=100,
    )
    *parts, _ = re.split(rf"\n{_DONE} (\d+)\n", done.stdout.decode(errors="replace"))
    return [Outcome(int(code), output) for output, code in zip(parts[::2], parts[1::2], strict=True)]


def matches(shown: str, output: str) -> bool:
    """`…` stands for any text, also for lines. Times are not compared, sizes only roughly."""
    expected, found = (_SECONDS.sub("0.1s", text.strip()) for text in (shown, output))
    pattern = re.escape(_SIZE.sub(r"N \2", expected)).replace("…", ".*")
    if not re.fullmatch(pattern, _SIZE.sub(r"N \2", found), re.DOTALL):
        return False
    sizes = [[float(size) for size, _ in _SIZE.findall(text)] for text in (expected, found)]
    return "…" in shown or all(abs(one - other) <= one * _TOLERANCE for one, other in zip(*sizes, strict=True))


def _environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_OWN_VARIABLES)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    home = folder.with_name(f"{folder.name}-home")
    home.mkdir(exist_ok=True)
    return {**kept, "PATH": path, "HOME": str(home), "COLUMNS": "100", "LC_ALL": "C.UTF-8", **extra}

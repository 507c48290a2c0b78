"""A run that is stopped says one line, leaves nothing behind, and the next one succeeds."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = "sample://big?layers=3&files=4&size=100M"


@pytest.mark.parametrize(
    ("scheme", "name", "code"),
    [
        ("tar", "SIGINT", 130),
        ("tar", "SIGTERM", 143),
        ("tar", "SIGHUP", 129),
        ("ocidir", "SIGINT", 130),
        ("dir", "SIGTERM", 143),
    ],
)
def test_a_signal_in_the_middle(scheme: str, name: str, code: int, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-m", "occystrap_core", "process", SOURCE, f"{scheme}://{target}/out"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    _wait_until_it_writes(running.pid)
    running.send_signal(getattr(signal, name))
    _, errors = running.communicate(timeout=30)
    assert running.returncode == code
    assert errors == "Interrupted: stopped before it was done\n"
    assert [path for path in target.rglob("*") if path.is_file()] == []


def _wait_until_it_writes(process: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        counters = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
        if int(counters["wchar"]) > 2**22:
            return
        time.sleep(0.01)
    pytest.fail("nothing was written")

"""`occystrap info` on a terminal that is too narrow for its table."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.images import write_layout
from tests.info.test_info_command import app

ROWS = re.compile(r"^[+|].*$", re.MULTILINE)


def on_a_terminal(columns: int, *arguments: str) -> str:
    terminal, its_end = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns)}
    done = subprocess.Popen([sys.executable, "-m", "occystrap_core", "info", *arguments], stdout=its_end, env=env)
    os.close(its_end)
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        seen += piece
    assert done.wait(60) == 0
    os.close(terminal)
    return seen.decode().replace("\r\n", "\n")


@pytest.fixture
def source(tmp_path: Path) -> str:
    return write_layout(tmp_path / "layout", app())


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
@pytest.mark.parametrize("more", [(), ("--sizes",)], ids=["plain", "sizes"])
def test_the_table_fits(source: str, columns: int, more: tuple[str, ...]) -> None:
    rows = ROWS.findall(on_a_terminal(columns, source, *more))
    assert rows
    assert max(map(len, rows)) <= max(columns, 80)
    assert "make" in "".join(rows)


def test_a_wide_terminal_and_a_pipe_have_all_of_it(source: str) -> None:
    command = [sys.executable, "-m", "occystrap_core", "info", source]
    piped = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "40"}).stdout
    assert on_a_terminal(200, source) == piped
    assert max(map(len, ROWS.findall(piped))) > 120

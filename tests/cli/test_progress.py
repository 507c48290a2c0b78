"""Progress: bars on a terminal, now and then a line elsewhere, and escapes nowhere."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from occystrap_core.cli.logs import send_logs_to
from occystrap_core.cli.progress import Lines, Quiet, progress_on
from occystrap_core.contracts.progress import Progress

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
SLOW = "sample://slow?layers=2&files=6&size=24M"


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_without_a_terminal_a_line_comes_at_most_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    stream = io.StringIO()
    progress = Lines(stream, verbose=False)
    first, second = progress.start("layer 1", 4096), progress.start("layer 2", None)
    told: dict[int, str] = {}
    for clock in range(32):
        first.advance(64)
        second.advance(1)
        if len(lines(stream)) > len(told):
            told[clock] = lines(stream)[-1]
    assert told == {
        10: "0 blobs done, 714 B so far: layer 1 17 %, layer 2 10 B",
        20: "0 blobs done, 1.3 KB so far: layer 1 32 %, layer 2 20 B",
        30: "0 blobs done, 2.0 KB so far: layer 1 48 %, layer 2 30 B",
    }


def test_a_short_run_says_nothing() -> None:
    stream = io.StringIO()
    progress = Lines(stream, verbose=False)
    task = progress.start("layer 1", 10)
    task.advance(10)
    task.done("note")
    progress.close()
    assert stream.getvalue() == ""


def test_verbose_tells_how_each_blob_ended() -> None:
    stream = io.StringIO()
    progress = Lines(stream, verbose=True)
    progress.start("layer 1", None).done("mounted")
    progress.start("layer\x1b[2J", None).done()
    assert lines(stream) == ["layer 1: mounted", r"layer\x1b[2J: done"]


def test_quiet_is_quiet_but_warns() -> None:
    stream = io.StringIO()
    progress = progress_on(stream, quiet=True, verbose=True)
    assert isinstance(progress, Quiet)
    progress.say("nothing")
    progress.start("layer", 1).done("nothing")
    progress.warn("careful\x9b")
    assert lines(stream) == [r"Warning: careful\x9b"]


def test_many_threads_lose_no_byte_and_tear_no_line() -> None:
    stream = io.StringIO()
    progress = Lines(stream, verbose=True, interval=0.001)

    def work(number: int) -> None:
        task = progress.start(f"layer {number}", 2000)
        for _ in range(2000):
            task.advance(1)
        task.done()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.next_line = 0
    progress.tell()
    assert lines(stream)[-1] == "8 blobs done, 15.6 KB so far: "
    assert all(re.match(r"layer \d: done|\d blobs? done, ", line) for line in lines(stream))


@pytest.mark.parametrize(("verbose", "debug"), [(False, False), (True, False), (True, True)])
def test_log_lines_go_where_everything_else_goes(verbose: bool, debug: bool) -> None:
    import logging

    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stop = send_logs_to(Lines(stream, verbose=verbose), verbose=verbose, debug=debug)
    try:
        logging.getLogger("httpcore").debug("theirs")
        logging.getLogger("occystrap_core.kit").debug("ours\x1b")
        logging.getLogger("acme").warning("careful")
    finally:
        stop()
    assert (root.handlers, root.level) == before, "the next run in this process has a stream of its own"
    text = stream.getvalue()
    assert ("theirs" in text) is debug
    assert (r" DEBUG: ours\x1b" in text) is verbose
    assert "Warning: careful\n" in text


@contextmanager
def on_a_terminal(
    *arguments: str, columns: int = 100, env: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`occystrap …` with a terminal of its own, as a shell would start it: the process and our end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "occystrap_core", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", **(env or {})},
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_until(terminal: int, wanted: str, seconds: float = 60) -> str:
    """What appears on a terminal until `wanted` is there, or its end."""
    seen, deadline = "", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        if not ready:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other end is closed: that is how Linux tells the end of a terminal
            break
        seen += data.decode(errors="replace")
    return seen


@pytest.mark.parametrize("columns", [100, 0])
def test_on_a_terminal_there_are_bars_that_go_away(columns: int, tmp_path: Path) -> None:
    arguments = ("process", SLOW, f"tar://{tmp_path}/out.tar")
    with on_a_terminal(*arguments, columns=columns, env={"NO_COLOR": "1"}) as (process, terminal):
        seen = read_until(terminal, "Summary:") + read_until(terminal, "never")
        assert process.wait(30) == 0
    assert re.search(r"layer 1 \(sha256:[0-9a-f]{12}\) +\d+%\|.*\| [\d.]+[kMG]?/144M", seen)
    assert set(re.findall(r"\x1b\[[0-9;]*m", seen)) == set(), "no colours were wanted"
    last = seen[seen.index("Summary:") :]
    assert re.fullmatch(r"Summary: 2 layers, [\d.]+ MB, [\d.]+s, verified OK\r\n", last)
    assert "%|" not in last, "the bars are gone before the summary"


def test_ctrl_c_on_a_terminal_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    with on_a_terminal("process", SLOW.replace("24M", "100M"), f"tar://{target}/out.tar") as (process, terminal):
        assert "%|" in read_until(terminal, "%|")
        os.write(terminal, b"\x03")
        seen = read_until(terminal, "never")
        assert process.wait(30) == 130
    visible = ESCAPE.sub("", seen).replace("^C", "")
    assert [line for line in re.split(r"[\r\n]+", visible) if line.strip() and "%|" not in line] == [
        "Interrupted: stopped before it was done"
    ]
    assert list(target.iterdir()) == []


def test_elsewhere_there_are_no_escapes_at_all(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "occystrap_core", "-v", "process", "sample://", f"tar://{tmp_path}/out.tar"],
        capture_output=True,
        text=True,
        env={**os.environ, "TERM": "xterm", "FORCE_COLOR": "1"},
    )
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stderr


def test_every_kind_of_progress_keeps_the_contract() -> None:
    stream = io.StringIO()
    for progress in (Lines(stream, verbose=False), Quiet(stream)):
        checked: Progress = progress
        checked.say("one")
        checked.warn("two")
        task = checked.start("three", None)
        task.advance(1)
        task.done()
        task.done()

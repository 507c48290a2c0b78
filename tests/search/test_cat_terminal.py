"""`occystrap cat`: on a terminal a file is for reading, in a pipe it is bytes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import build_image, file, layer_tar, symlink
from tests.end_to_end.images import write_layout

EVIL = b"\x1b]0;gotcha\x07plain\ttab\r\nnext \xe2\x82\xac \xff\xfe \xc2\x9b31m\xe2\x80\xae end"


def source_of(folder: Path, content: bytes) -> str:
    layer = layer_tar(file("data", content), make_entry(b"caf\xe9", body=content), symlink("link", "data"))
    return write_layout(folder / "layout", build_image([layer]))


def on_a_terminal(*arguments: str) -> str:
    """What reaches a terminal, whose own translation of line ends is undone."""
    terminal, its_end = pty.openpty()
    command = [sys.executable, "-m", "occystrap_core", *arguments]
    process = subprocess.Popen(command, stdin=its_end, stdout=its_end, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    os.close(its_end)
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                seen.extend(os.read(terminal, 65536))
            except OSError:
                return

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait(60) == 0
    reader.join()
    os.close(terminal)
    return seen.decode().replace("\r\n", "\n")


def test_nothing_in_a_file_steers_a_terminal(tmp_path: Path) -> None:
    shown = on_a_terminal("cat", source_of(tmp_path, EVIL), "data")
    assert shown == "\\x1b]0;gotcha\\x07plain\ttab\nnext € \\xff\\xfe \\x9b31m\\u202e end"


def test_characters_across_two_pieces_are_whole(tmp_path: Path) -> None:
    text = "x" + "€\n" * 200_000
    assert on_a_terminal("cat", source_of(tmp_path, text.encode()), "data") == text


def test_a_carriage_return_hides_no_text(tmp_path: Path) -> None:
    assert on_a_terminal("cat", source_of(tmp_path, b"rm -rf /\rgood\r\r\n\r"), "data") == "rm -rf /\\rgood\\r\n\\r"


@pytest.mark.parametrize("path", [b"data", b"caf\xe9", b"/link"])
def test_in_a_pipe_bytes_are_as_they_are(tmp_path: Path, path: bytes) -> None:
    command = [sys.executable, "-m", "occystrap_core", "cat", source_of(tmp_path, EVIL), path]
    done = subprocess.run(command, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, EVIL, b"")


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    source = source_of(tmp_path, b"line\n" * 2_000_000)
    command = [sys.executable, "-m", "occystrap_core", "cat", source, "data", "-q"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    assert process.stdout.readline() == b"line\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141


def test_names_are_escaped_on_a_terminal_too(tmp_path: Path) -> None:
    assert "caf\\xe9\n" in on_a_terminal("ls", source_of(tmp_path, b""))

"""The name that docker needs for a push does not stay, whatever ends the push."""

from __future__ import annotations

import re
import signal
import socket as sockets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests import peers
from tests.dockerpush.conftest import IMAGE, Daemon
from tests.dockerpush.test_dockerpush_failures import large_image, wait_for_the_push

RunCli = Callable[..., peers.Result]


@contextmanager
def falling_silent(daemon: Path, place: Path, at: bytes) -> Iterator[threading.Event]:
    """A socket before a daemon's that lets no answer through any more once it was asked for `at`."""
    listening, silent, ended = sockets.socket(sockets.AF_UNIX), threading.Event(), threading.Event()
    listening.bind(str(place))
    listening.listen()

    def carry(source: sockets.socket, target: sockets.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if answers and silent.is_set():
                    ended.wait()
                if not answers and at in data:
                    silent.set()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(sockets.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = sockets.socket(sockets.AF_UNIX)
                server.connect(str(daemon))
                for ends in ((client, server, False), (server, client, True)):
                    threading.Thread(target=carry, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield silent
    finally:
        ended.set()
        listening.shutdown(sockets.SHUT_RDWR)
        listening.close()


@pytest.mark.parametrize("at", [b"/push?", b"DELETE /images/"])
@pytest.mark.parametrize("target", ["tar://{}", "ocidir://{}:x"])
def test_an_interruption_does_not_wait_for_a_daemon_that_is_silent(
    docker: Daemon, tmp_path: Path, short_place: Path, at: bytes, target: str
) -> None:
    name, before = docker.load(IMAGE), docker.names()
    command = ["process", f"dockerpush://{name}?socket={short_place}", target.format(tmp_path / "out")]
    with falling_silent(docker.socket, short_place, at) as silent:
        running = subprocess.Popen(
            [sys.executable, "-m", "occystrap_core", *command], stderr=subprocess.PIPE, text=True
        )
        assert silent.wait(30)
        time.sleep(0.5)
        running.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, errors = running.communicate(timeout=60)
        assert time.monotonic() - began < 12
    assert running.returncode == 143 and errors.endswith("Interrupted: stopped before it was done\n")
    assert not (tmp_path / "out").exists()
    if left := set(re.findall(r"127\.0\.0\.1:\d+/occystrap:push", errors)):
        assert "is left behind: the daemon at" in errors and len(left) == 1
        subprocess.run(["docker", "-H", f"unix://{docker.socket}", "rmi", "--no-prune", *left], capture_output=True)
    assert docker.names() == before


def killed_push(docker: Daemon, name: str, out: Path) -> str:
    """The name that a push leaves which is killed."""
    before = docker.names()
    command = ["process", docker.uri(name), f"tar://{out}"]
    running = subprocess.Popen([sys.executable, "-m", "occystrap_core", *command], stderr=subprocess.DEVNULL)
    wait_for_the_push(running.pid)
    running.kill()
    running.wait()
    (left,) = set(re.findall(r"127\.0\.0\.1:\d+/occystrap:push", docker.names())) - set(before.split())
    return left


def test_the_next_push_removes_what_a_killed_one_left(docker: Daemon, tmp_path: Path, run_cli: RunCli) -> None:
    name, other = docker.load(large_image()), docker.load(IMAGE)
    names = docker.names()
    left = killed_push(docker, name, tmp_path / "out.tar")
    assert left in docker.names()
    done = run_cli("process", docker.uri(other), f"tar://{tmp_path / 'out.tar'}")
    assert (done.returncode, "Warning" in done.stderr) == (0, False), done.stderr
    assert docker.names() == names


def test_the_name_of_a_push_beside_stays(docker: Daemon, tmp_path: Path, run_cli: RunCli) -> None:
    name = docker.load(IMAGE)
    with sockets.create_server(("127.0.0.1", 0)) as beside:
        used = f"127.0.0.1:{beside.getsockname()[1]}/occystrap:push"
        docker.run("tag", name, used)
        assert run_cli("process", docker.uri(name), f"tar://{tmp_path / 'out.tar'}").returncode == 0
        assert used in docker.names()
    assert run_cli("process", docker.uri(name), f"tar://{tmp_path / 'out.tar'}").returncode == 0
    assert used not in docker.names()


def test_the_last_name_of_an_image_stays_and_names_like_it_do(docker: Daemon, tmp_path: Path, run_cli: RunCli) -> None:
    name, other = docker.load(large_image()), docker.load(IMAGE)
    with sockets.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    last, alike = f"127.0.0.1:{port}/occystrap:push", f"127.0.0.1:{port}/occystrap:pushed"
    docker.run("tag", name, last)
    docker.run("rmi", "--no-prune", name)
    docker.run("tag", other, alike)
    try:
        assert run_cli("process", docker.uri(other), f"tar://{tmp_path / 'out.tar'}").returncode == 0
        assert {last, alike} <= set(docker.names().split())
    finally:
        docker.run("tag", last, name)
        docker.run("rmi", last, alike)

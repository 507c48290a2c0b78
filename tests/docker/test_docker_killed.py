"""Connections that break, and runs that are stopped, in the middle of a load."""

from __future__ import annotations

import os
import signal
import socket as sockets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests import peers
from tests.peers import run_cli

BIG = "sample://app?layers=3&files=1500"


@contextmanager
def between(daemon: Path, folder: Path, after: int, stop: threading.Event) -> Iterator[Path]:
    """A socket before a daemon's, which cuts every connection off once so many bytes went to it; `stop` is set then."""
    place = folder / "between.sock"
    listening = sockets.socket(sockets.AF_UNIX)
    listening.bind(str(place))
    listening.listen()
    ended = threading.Event()

    def carry(source: sockets.socket, target: sockets.socket, limit: int) -> None:
        carried = 0
        try:
            while carried < limit and (data := source.recv(65536)):
                carried += len(data)
                target.sendall(data)
        except OSError:
            pass
        if carried >= limit:
            stop.set()
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(sockets.SHUT_RDWR)

    def serve() -> None:
        while not ended.is_set():
            try:
                client, _ = listening.accept()
            except OSError:
                return
            server = sockets.socket(sockets.AF_UNIX)
            server.connect(str(daemon))
            threading.Thread(target=carry, args=(client, server, after), daemon=True).start()
            threading.Thread(target=carry, args=(server, client, 1 << 40), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield place
    finally:
        ended.set()
        listening.close()


def names_in(daemon: peers.DockerDaemon) -> str:
    return daemon.run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")


def test_a_connection_that_breaks_in_the_middle_of_a_load(dockerd: peers.DockerDaemon, short_directory: Path) -> None:
    stop = threading.Event()
    with between(dockerd.socket, short_directory, 400_000, stop) as socket:
        started = time.monotonic()
        done = run_cli("process", BIG, f"docker://cut/off:v1?socket={socket}")
    assert stop.is_set(), "it was in the middle"
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1), done.stderr
    assert done.stderr.startswith("Error: destination: ")
    assert time.monotonic() - started < 60
    assert "cut/off" not in names_in(dockerd)


def test_ctrl_c_in_the_middle_of_a_load(dockerd: peers.DockerDaemon) -> None:
    uri = f"docker://stopped/run:v1?socket={dockerd.socket}"
    command = [sys.executable, "-m", "occystrap_core", "process", "sample://app?layers=6&files=9000", uri]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        time.sleep(1.0)
        if run.poll() is not None:
            pytest.skip("it was done before that")
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode != 0
    assert "Traceback" not in said
    assert "stopped/run" not in names_in(dockerd)


def test_a_podman_that_is_cut_off_in_the_middle_of_a_load(short_directory: Path) -> None:
    peers.require("podman")
    with peers.running_podman_service(peers.Podman(short_directory)) as daemon:
        stop = threading.Event()
        with between(daemon, short_directory, 400_000, stop) as socket:
            done = run_cli("process", BIG, f"docker://cut/off:v1?socket={socket}")
        assert stop.is_set()
        assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
        assert run_cli("info", f"docker://cut/off:v1?socket={daemon}").returncode == 3

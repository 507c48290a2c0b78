"""A push that cannot be is one clear line, and nothing is left of it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from occystrap_core.kit.distribution.server import PushedImages
from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.endpoint import unix_endpoint
from occystrap_core.kit.docker_engine.known import find_image
from occystrap_core.model.errors import TransferError
from occystrap_core.testing.build import BuiltImage, build_image, file, layer_tar
from occystrap_inputs.dockerpush.pushing import receive_push
from tests import peers
from tests.dockerpush.conftest import IMAGE, Daemon

RunCli = Callable[..., peers.Result]
NOISE = 24 << 20


@cache
def large_image() -> BuiltImage:
    return build_image([layer_tar(file("noise", random.Random(1).randbytes(NOISE)))])


def test_no_such_image(daemon: Daemon, run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("process", daemon.uri("no/such:image"), f"tar://{tmp_path / 'out.tar'}")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert done.stderr.startswith("Error: source: ") and "has no image 'no/such:image'" in done.stderr


@pytest.mark.parametrize(
    "uri", ["dockerpush://", "dockerpush://UPPER", "dockerpush://a:b:c", "dockerpush://a?sokcet=x"]
)
def test_what_names_no_image(run_cli: RunCli, uri: str, tmp_path: Path) -> None:
    done = run_cli("process", uri, f"tar://{tmp_path / 'out.tar'}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


def test_no_daemon(run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("process", f"dockerpush://a:b?socket={tmp_path / 'none.sock'}", f"tar://{tmp_path / 'out.tar'}")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "there is no docker daemon" in done.stderr


@pytest.mark.peer("unshare", "podman")
def test_a_daemon_with_another_loopback_is_told_apart(podman: peers.Podman, run_cli: RunCli, tmp_path: Path) -> None:
    peers.require_root("a network namespace")
    path = podman.directory / "podman.sock"
    where = [
        "--root",
        str(podman.directory / "root"),
        "--runroot",
        str(podman.directory / "run"),
        "--storage-driver",
        "vfs",
    ]
    command = ["unshare", "--net", "podman", *where, "system", "service", "--time", "0", f"unix://{path}"]
    daemon = Daemon(path, podman.run, is_podman=True)
    name = daemon.load(IMAGE)
    service = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not path.exists():
            time.sleep(0.05)
        done = run_cli("process", daemon.uri(name), f"tar://{tmp_path / 'out.tar'}")
    finally:
        service.terminate()
        service.wait()
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert "cannot push to this one: use docker://" in done.stderr


def test_a_full_disk_ends_it_at_once(daemon: Daemon, run_cli: RunCli, tmp_path: Path) -> None:
    peers.require_root("mounting a small disk")
    name = daemon.load(large_image())
    names, small = daemon.names(), tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=True)
    try:
        began = time.monotonic()
        done = run_cli("--temp-dir", small, "process", daemon.uri(name), f"tar://{tmp_path / 'out.tar'}")
        assert time.monotonic() - began < 15
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", small], check=True)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    full = f"Error: temporary files: {small}: No space left on device (--temp-dir names another directory for them)"
    assert done.stderr == f"{full}\n"
    assert daemon.names() == names


def test_an_interruption_takes_everything_back(daemon: Daemon, tmp_path: Path) -> None:
    image = daemon.load(large_image())
    names, temp = daemon.names(), tmp_path / "temp"
    temp.mkdir()
    target = tmp_path / "out.tar"
    command = ["--temp-dir", str(temp), "process", daemon.uri(image), f"tar://{target}"]
    running = subprocess.Popen([sys.executable, "-m", "occystrap_core", *command], stderr=subprocess.PIPE, text=True)
    wait_for_the_push(running.pid)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert (running.returncode, errors) == (130, "Interrupted: stopped before it was done\n")
    assert daemon.names() == names
    assert list(temp.iterdir()) == [] and not target.exists()


def wait_for_the_push(process: int) -> None:
    """Until some of the layer is here."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        counters = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
        if int(counters["wchar"]) > 1 << 20:
            return
        time.sleep(0.005)
    pytest.fail("nothing was pushed")


def test_a_daemon_that_dies_in_the_middle(podman: peers.Podman, tmp_path: Path) -> None:
    target = tmp_path / "out.tar"
    with peers.running_podman_service(podman) as path:
        daemon = Daemon(path, podman.run, is_podman=True)
        command = ["process", daemon.uri(daemon.load(large_image())), f"tar://{target}"]
        running = subprocess.Popen(
            [sys.executable, "-m", "occystrap_core", *command], stderr=subprocess.PIPE, text=True
        )
        wait_for_the_push(running.pid)
        found = subprocess.run(["pgrep", "-f", f"unix://{path}"], capture_output=True, text=True).stdout.split()
        for pid in found:
            subprocess.run(["kill", "-9", pid], check=True)
        _, errors = running.communicate(timeout=30)
    assert (running.returncode, errors.count("\n")) == (3, 1), errors
    assert errors.startswith("Error: source: ") and not target.exists()


def test_a_daemon_that_insists_on_a_known_certificate(podman_service: Daemon, tmp_path: Path) -> None:
    class OldPodman(DockerClient):
        def push(self, name, query, login=None):  # type: ignore[no-untyped-def]
            return super().push(name, {"destination": query["destination"]}, login)

    name = podman_service.load(IMAGE)
    client, store = OldPodman(unix_endpoint(podman_service.socket)), PushedImages()
    with closing(client), closing(store), pytest.raises(TransferError, match="certificate") as caught:
        receive_push(client, find_image(client, [name]), store, None)
    assert caught.value.hint == "it does not trust a certificate made just now: use docker://"

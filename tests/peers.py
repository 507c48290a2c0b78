"""Real peers: the registry, daemons and tools that the tests work with.

A peer that is missing skips the test that needs it and says so, or fails it where
OCCYSTRAP_REQUIRE_PEERS=1. Servers listen on 127.0.0.1 or a socket in a folder of their own,
and end with the test session.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from occystrap_core.kit.rootfs.mountinfo import seen_by

REPOSITORY_ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 30

_PACKAGES = {
    "docker": "docker.io",
    "dockerd": "docker.io",
}

OPTIONAL = {"crane": "no distribution that the tests know has a package of it"}
"""Peers that add a second opinion where they are installed, and are never demanded; with the reason."""

_REGISTRY_CONFIG = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  delete: {{enabled: true}}
http: {{addr: "{host}", secret: test}}
{extra}
"""


class NotReady(Exception):
    """A server ended, or never answered."""


@dataclass(frozen=True)
class Result:
    """What a finished command left."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Registry:
    """A running docker-registry."""

    host: str
    storage: Path
    _counter: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def fresh(self, hint: str = "image") -> str:
        """A repository name that nobody used yet."""
        return f"{hint}-{next(self._counter)}"


@dataclass(frozen=True)
class DockerDaemon:
    socket: Path

    def run(self, *args: str, stdin: bytes | None = None) -> str:
        """`docker *args` against this daemon; a failure shows what docker said."""
        return run_tool("docker", "-H", f"unix://{self.socket}", *args, stdin=stdin)


@dataclass(frozen=True)
class Podman:
    """Podman with a storage of its own."""

    directory: Path

    def run(self, *args: str, stdin: bytes | None = None) -> str:
        where = ["--root", str(self.directory / "root"), "--runroot", str(self.directory / "run")]
        quiet = ["--events-backend", "none", "--cgroup-manager", "cgroupfs"]
        return run_tool("podman", *where, "--storage-driver", "vfs", *quiet, *args, stdin=stdin)


def missing(reason: str) -> None:
    """Skip this test for `reason`, or fail it where skipping is forbidden."""
    if os.environ.get("OCCYSTRAP_REQUIRE_PEERS") == "1":
        pytest.fail(f"OCCYSTRAP_REQUIRE_PEERS=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def require(*tools: str) -> None:
    """Ask for commands by name."""
    for tool in tools:
        if shutil.which(tool) is None:
            if tool in OPTIONAL:
                pytest.skip(f"{tool} is not installed ({OPTIONAL[tool]})")
            missing(f"{tool} is not installed (Debian package {_PACKAGES.get(tool, tool)})")


def require_root(what: str) -> None:
    if os.geteuid() != 0:
        missing(f"{what} needs root")


def fixtures_directory() -> Path:
    """The collection of images, tars and documents that other tools made."""
    given = os.environ.get("OCCYSTRAP_FIXTURES")
    directory = Path(given) if given else REPOSITORY_ROOT.parent / "shared" / "fixtures"
    if not (directory / "EXPECTED.jsonl").is_file():
        missing(f"there are no fixtures in {directory} (set OCCYSTRAP_FIXTURES to where they are)")
    return directory


def run_tool(*args: str, stdin: bytes | None = None, timeout: float = 100) -> str:
    """Run a peer's command and give its stdout; the test fails with its stderr where it fails."""
    done = subprocess.run(args, input=stdin, capture_output=True, timeout=timeout)
    if done.returncode:
        pytest.fail(f"{' '.join(args)}\nexit code {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")


def until_unseen(directory: str | Path) -> None:
    """What tests beside this one started may have taken a copy of its mounts along into a namespace; that ends soon."""
    deadline = time.monotonic() + 60
    while seen_by(Path(directory)) is not None and time.monotonic() < deadline:
        time.sleep(0.05)


def run_cli(
    *args: str | Path,
    stdin: bytes | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 100,
) -> Result:
    """`occystrap *args` in a process of its own, whatever its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "occystrap_core", *map(str, args)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        timeout=timeout,
    )
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_registry(directory: Path, extra: str = "") -> Iterator[Registry]:
    """A docker-registry with an empty storage; `extra` is more YAML for its configuration (auth …)."""
    require("docker-registry")
    host = f"127.0.0.1:{free_port()}"
    config = directory / "registry.yml"
    config.write_text(_REGISTRY_CONFIG.format(storage=directory / "storage", host=host, extra=extra))
    with _server(["docker-registry", "serve", str(config)], directory / "registry.log", lambda: _answers(host)):
        yield Registry(host, directory / "storage")


@contextmanager
def running_dockerd(directory: Path) -> Iterator[DockerDaemon]:
    """A docker daemon that touches neither the machine's network nor another daemon."""
    require("dockerd", "docker")
    require_root("dockerd")
    daemon = DockerDaemon(directory / "docker.sock")
    with _server(_dockerd_command(directory), directory / "dockerd.log", lambda: _docker_answers(daemon)):
        yield daemon


@contextmanager
def running_podman_service(podman: Podman) -> Iterator[Path]:
    """Podman's API on the socket that this gives."""
    require("podman")
    path = podman.directory / "podman.sock"
    command = [
        "podman", "--root", str(podman.directory / "root"), "--runroot", str(podman.directory / "run"),
        "--storage-driver", "vfs", "system", "service", "--time", "0", f"unix://{path}",
    ]  # fmt: skip
    with _server(command, podman.directory / "service.log", lambda: _listens(path)):
        yield path


def _dockerd_command(directory: Path) -> list[str]:
    return [
        "dockerd",
        "--host", f"unix://{directory / 'docker.sock'}",
        "--data-root", str(directory / "data"),
        "--exec-root", str(directory / "exec"),
        "--pidfile", str(directory / "dockerd.pid"),
        "--config-file", str(_empty_json(directory / "daemon.json")),
        "--storage-driver", "vfs",
        "--bridge", "none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        "--ip-masq=false",
    ]  # fmt: skip


def _empty_json(path: Path) -> Path:
    path.write_text("{}")
    return path


def _answers(host: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{host}/v2/", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code == 401
    except OSError:
        return False


def _listens(path: Path) -> bool:
    """A socket file is there a moment before anybody listens on it."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _docker_answers(daemon: DockerDaemon) -> bool:
    if not daemon.socket.exists():
        return False
    command = ["docker", "-H", f"unix://{daemon.socket}", "version"]
    return subprocess.run(command, capture_output=True, timeout=START_SECONDS).returncode == 0


@contextmanager
def _server(command: Sequence[str], log: Path, is_ready: Callable[[], bool]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _wait_until(is_ready, process, log)
            yield
        finally:
            _stop(process)


def _wait_until(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotReady(f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

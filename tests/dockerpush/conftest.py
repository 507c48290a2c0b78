"""Daemons that have an image to push."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from occystrap_core.testing.build import BuiltImage, build_image, file, layer_tar
from tests import peers
from tests.end_to_end.images import write_layout

BASE = layer_tar(file("etc/motd", "hello\n", mtime=1_600_000_000), file("data", bytes(range(256)) * 4000))
TOP = layer_tar(file("etc/new", "new\n", mtime=1_600_000_001))
IMAGE = build_image([BASE, TOP, BASE], config={"config": {"Cmd": ["/bin/true"], "User": "nobody"}})
"""One layer stands twice."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Daemon:
    """A daemon and `docker` or `podman` as its client."""

    socket: Path
    run: Callable[..., str]
    is_podman: bool
    _loaded: list[str] = field(default_factory=list)

    def load(self, image: BuiltImage, directory: Path, name: str = "") -> str:
        """Give it an image; the name that it has then."""
        name = name or f"pushed/image-{next(_numbers)}:v1"
        layout = write_layout(directory / f"layout-{next(_numbers)}", image)
        archive = directory / "image.tar"
        done = peers.run_cli("process", layout, f"tar://{archive}?name={name}")
        assert done.returncode == 0, done.stderr
        self.run("load", "-i", str(archive))
        archive.unlink()
        self._loaded.append(name)
        return name

    def uri(self, name: str) -> str:
        return f"dockerpush://{name}?socket={self.socket}"

    def names(self) -> str:
        """Everything that images are called."""
        form = (
            "{{.Repository}}:{{.Tag}} {{.Digest}}" if self.is_podman else "{{.Repository}}:{{.Tag}} {{.Digest}} {{.ID}}"
        )
        return self.run("images", "--all", "--format", form)


@pytest.fixture
def docker(dockerd: peers.DockerDaemon) -> Iterator[Daemon]:
    daemon = Daemon(dockerd.socket, dockerd.run, is_podman=False)
    yield daemon
    if daemon._loaded:
        dockerd.run("rmi", "--force", *daemon._loaded)


@pytest.fixture
def podman_service(podman: peers.Podman) -> Iterator[Daemon]:
    with peers.running_podman_service(podman) as socket:
        yield Daemon(socket, podman.run, is_podman=True)


@pytest.fixture(params=["docker", "podman_service"])
def daemon(request: pytest.FixtureRequest) -> Daemon:
    found: Daemon = request.getfixturevalue(request.param)
    return found

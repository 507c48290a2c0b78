"""Daemons that have an image to push."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from occystrap_core.testing.build import BuiltImage, build_image, file, layer_tar
from tests import peers

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

    def load(self, image: BuiltImage, name: str = "") -> str:
        """Give it an image; the name that it has then."""
        name = name or f"pushed/image-{next(_numbers)}:v1"
        self.run("load", stdin=_archive(image, name))
        self._loaded.append(name)
        return name

    def forget(self) -> None:
        """Everything that it was given is taken away."""
        if self._loaded:
            self.run("rmi", "--force", *self._loaded)
            self._loaded.clear()

    def uri(self, name: str) -> str:
        return f"dockerpush://{name}?socket={self.socket}"

    def names(self) -> str:
        """Everything that images are called."""
        form = (
            "{{.Repository}}:{{.Tag}} {{.Digest}}" if self.is_podman else "{{.Repository}}:{{.Tag}} {{.Digest}} {{.ID}}"
        )
        return "\n".join(sorted(self.run("images", "--all", "--format", form).splitlines()))


def _archive(image: BuiltImage, name: str) -> bytes:
    """As docker save writes it."""
    files = {f"{position}/layer.tar": layer.tar for position, layer in enumerate(image.layers)}
    entry = {"Config": "config.json", "RepoTags": [name], "Layers": list(files)}
    files |= {"config.json": image.config.raw, "manifest.json": json.dumps([entry]).encode()}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for path, content in files.items():
            header = tarfile.TarInfo(path)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return written.getvalue()


@pytest.fixture
def docker(dockerd: peers.DockerDaemon) -> Iterator[Daemon]:
    daemon = Daemon(dockerd.socket, dockerd.run, is_podman=False)
    yield daemon
    daemon.forget()


@pytest.fixture
def short_place() -> Iterator[Path]:
    """Where a socket can be: its path must be short."""
    with tempfile.TemporaryDirectory(prefix="occystrap-") as directory:
        yield Path(directory) / "between.sock"


@pytest.fixture(scope="session")
def one_podman() -> Iterator[Daemon]:
    peers.require("podman")
    with tempfile.TemporaryDirectory(prefix="occystrap-podman-") as directory:
        podman = peers.Podman(Path(directory))
        with peers.running_podman_service(podman) as socket:
            yield Daemon(socket, podman.run, is_podman=True)


@pytest.fixture
def podman_service(one_podman: Daemon) -> Iterator[Daemon]:
    yield one_podman
    one_podman.forget()


@pytest.fixture(params=["docker", "podman_service"])
def daemon(request: pytest.FixtureRequest) -> Daemon:
    found: Daemon = request.getfixturevalue(request.param)
    return found

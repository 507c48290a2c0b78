"""What a daemon pushes arrives, and nothing is left of the push."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from occystrap_core.contracts import Address, Settings
from occystrap_core.kit.distribution.server import server
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.media_types import DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST
from occystrap_core.testing.conformance import check_input
from occystrap_inputs.dockerpush.input import DockerPushInput
from occystrap_inputs.dockerpush.plugin import DockerPushInputOptions
from tests import peers
from tests.dockerpush.conftest import BASE, IMAGE, TOP, Daemon

RunCli = Callable[..., peers.Result]


def open_push(daemon: Daemon, name: str, temp_dir: Path | None = None) -> DockerPushInput:
    options = DockerPushInputOptions(str(daemon.socket))
    return DockerPushInput(Address.parse(f"dockerpush://{name}"), options, Settings(temp_dir=temp_dir))


@contextmanager
def pushed(daemon: Daemon, name: str) -> Iterator[DockerPushInput]:
    source = open_push(daemon, name)
    try:
        yield source
    finally:
        source.close()


def test_the_documents_are_the_daemons_own(daemon: Daemon, tmp_path: Path) -> None:
    name = daemon.load(IMAGE)
    with pushed(daemon, name) as source:
        root = source.root()
        manifest = json.loads(source.document(root))
        assert (root.media_type, manifest["mediaType"]) == (DOCKER_MANIFEST, DOCKER_MANIFEST)
        config = Descriptor.from_json(manifest["config"])
        assert (config.media_type, source.document(config)) == (DOCKER_CONFIG, IMAGE.config.raw)
        layers = [Descriptor.from_json(layer) for layer in manifest["layers"]]
        assert {layer.media_type for layer in layers} == {f"{DOCKER_LAYER}.gzip"}
        assert layers[0] == layers[2]
        for descriptor, tar in zip(layers, (BASE, TOP, BASE), strict=True):
            assert gzip.decompress(b"".join(map(bytes, source.blob(descriptor)))) == tar


def test_a_layer_that_stands_twice(daemon: Daemon, tmp_path: Path, run_cli: RunCli) -> None:
    name = daemon.load(IMAGE)
    done = run_cli("-O", "json", "--verify-full", "process", daemon.uri(name), f"tar://{tmp_path / 'out.tar'}")
    assert done.returncode == 0, done.stderr
    (image,) = json.loads(done.stdout)["images"]
    assert [layer["diff_id"] for layer in image["layers"]] == [str(layer.diff_id) for layer in IMAGE.layers]


def test_blobs_go_on_as_they_lie(daemon: Daemon, tmp_path: Path, run_cli: RunCli, registry: peers.Registry) -> None:
    name, target = daemon.load(IMAGE), f"registry://{registry.host}/{registry.fresh('push')}:v1"
    with pushed(daemon, name) as source:
        digest = source.root().digest
    done = run_cli("-O", "json", "--verify-full", "process", daemon.uri(name), target)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == str(digest), "a second push is the same, and nothing was changed"


def test_filters_work_on_it(daemon: Daemon, tmp_path: Path, run_cli: RunCli) -> None:
    name = daemon.load(IMAGE)
    target = f"ocidir://{tmp_path / 'out'}:x"
    done = run_cli("process", daemon.uri(name), target, "-f", "exclude:pattern=data", "-f", "normalize-timestamps")
    assert (done.returncode, "verified OK" in done.stderr) == (0, True), done.stderr


def test_nothing_is_left(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temp))
    name = daemon.load(IMAGE)
    names, threads = daemon.names(), threading.active_count()
    source = open_push(daemon, name, temp)
    assert list(source.blob(Descriptor.from_json(json.loads(source.document(source.root()))["layers"][0])))
    assert daemon.names() == names, "not even before it is closed"
    assert threading.active_count() == threads
    source.close()
    assert list(temp.iterdir()) == []
    assert "occystrap" not in daemon.run("image", "inspect", name)


def test_the_input_contract(docker: Daemon, tmp_path: Path) -> None:
    name = docker.load(IMAGE)
    check_input(lambda: open_push(docker, name))


def test_an_image_by_its_id(daemon: Daemon) -> None:
    name = daemon.load(IMAGE)
    for spelling in (IMAGE.config.digest.hex, str(IMAGE.config.digest), IMAGE.config.digest.hex[:12]):
        with pushed(daemon, spelling) as source:
            assert source.root().media_type == DOCKER_MANIFEST
            assert str(source.name()) == (f"localhost/{name}" if daemon.is_podman else name)
        assert name in daemon.names()


def test_docker_keeps_an_image_without_a_name(docker: Daemon, tmp_path: Path, run_cli: RunCli) -> None:
    """It would delete the image together with the only name it has."""
    name = docker.load(IMAGE)
    nameless = docker.run("build", "-q", "-", stdin=f"FROM {name}\nLABEL a=b\n".encode()).strip()
    done = run_cli("process", docker.uri(nameless), f"tar://{tmp_path / 'out.tar'}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "has no name" in done.stderr and "docker tag" in done.stderr
    assert docker.run("image", "inspect", nameless)
    docker.run("rmi", nameless)


def test_podman_pushes_an_image_without_a_name(podman_service: Daemon, tmp_path: Path, run_cli: RunCli) -> None:
    name = podman_service.load(IMAGE)
    podman_service.run("untag", name)
    done = run_cli("process", podman_service.uri(IMAGE.config.digest.hex), f"tar://{tmp_path / 'out.tar'}")
    assert done.returncode == 0, done.stderr
    podman_service.run("tag", IMAGE.config.digest.hex, name)


def test_the_socket_that_docker_host_names(
    docker: Daemon, tmp_path: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = docker.load(IMAGE)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{docker.socket}")
    done = run_cli("process", f"dockerpush:{name}", f"tar://{tmp_path / 'out.tar'}")
    assert done.returncode == 0, done.stderr


def test_several_pushes_of_one_image_at_the_same_time(docker: Daemon, tmp_path: Path) -> None:
    name = docker.load(IMAGE)
    names = docker.names()
    sources = [open_push(docker, name) for _ in range(3)]
    threads = [threading.Thread(target=source.root) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({source.root().digest for source in sources}) == 1
    assert docker.names() == names
    for source in sources:
        source.close()


def test_somebody_else_cannot_push_meanwhile(docker: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    answer = server.DistributionServer.answer

    def watched(self: server.DistributionServer, request):  # type: ignore[no-untyped-def]
        asked.append((request.method, "authorization" in request.headers, reply := answer(self, request)))
        return reply

    monkeypatch.setattr(server.DistributionServer, "answer", watched)
    with pushed(docker, docker.load(IMAGE)) as source:
        source.root()
    assert {(method, reply.status.value) for method, known, reply in asked if not known} == {("GET", 401)}
    assert len(asked) > 5

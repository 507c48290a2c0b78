"""Real daemons: docker with its own store, and podman."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from occystrap_core.contracts import Chunk, Severity
from occystrap_core.engine.chain import OpenFilter
from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.endpoint import find_endpoint
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import NotFound, TransferError
from occystrap_core.model.image import ImageName
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.testing.build import BuiltImage, build_image, layer_tar, symlink
from occystrap_core.testing.memory import MemoryInput
from occystrap_filters.normalize_timestamps.filter import NormalizeTimestamps
from occystrap_filters.normalize_timestamps.plugin import NormalizeOptions
from tests import peers
from tests.docker.moves import load, read, source

LAYERS = [
    layer_tar(("etc/", ""), ("etc/motd", "hello\n" * 5000), symlink("etc/link", "motd")),
    layer_tar(("usr/", ""), ("usr/big", bytes(range(256)) * 2000)),
    layer_tar(("etc/", ""), ("etc/motd", "hello\n" * 5000), symlink("etc/link", "motd")),
]
NAME = "registry.example.com/some/app:v1"


@pytest.fixture(params=["docker", "podman"])
def socket(request: pytest.FixtureRequest) -> Path:
    if request.param == "docker":
        dockerd: peers.DockerDaemon = request.getfixturevalue("dockerd")
        return dockerd.socket
    podman: Path = request.getfixturevalue("podman_socket")
    return podman


@pytest.fixture
def client(socket: Path) -> Iterator[DockerClient]:
    client = DockerClient(find_endpoint(str(socket)))
    yield client
    client.close()


def image_of(compression: Compression, seed: str) -> BuiltImage:
    more = {"variant": "v2", "config": {"User": "1000", "Labels": {"seed": seed}, "Cmd": ["/bin/sh"]}}
    history = [
        {"created": "2024-01-01T00:00:00Z", "created_by": f"RUN {n}", **({"empty_layer": True} if n == 1 else {})}
        for n in range(4)
    ]
    return build_image(LAYERS, family=Family.OCI, compression=compression, config=more, history=history)


class TestThereAndBack:
    @pytest.mark.parametrize("compression", list(Compression))
    def test_config_and_layers_survive(self, socket: Path, compression: Compression) -> None:
        image = image_of(compression, f"round trip {compression}")
        outcome = load(MemoryInput(image, name=ImageName("of/the/source", "x")), NAME, socket)
        assert outcome.findings == ()
        found = read(NAME, socket)
        assert found.config == image.config.raw
        assert found.layers == tuple(LAYERS)
        assert found.name == NAME

    def test_the_image_gets_the_name_that_was_asked_for_and_no_other(self, socket: Path, client: DockerClient) -> None:
        load(MemoryInput(image_of(Compression.GZIP, "naming"), name=ImageName("busybox", "latest")), NAME, socket)
        assert client.inspect(NAME)["RepoTags"] == [NAME]
        with pytest.raises(NotFound):
            client.inspect("busybox:latest")

    def test_a_short_name_is_found_again(self, socket: Path) -> None:
        image = image_of(Compression.NONE, "short")
        assert load(MemoryInput(image), "short", socket).findings == ()
        assert read("short", socket).config == image.config.raw

    def test_from_daemon_to_daemon(self, socket: Path) -> None:
        image = image_of(Compression.GZIP, "daemon to daemon")
        load(MemoryInput(image), "one:a", socket, depth=None)
        opened = source("one:a", socket)
        assert load(opened, "two:b", socket).findings == ()
        opened.close()
        assert read("two:b", socket).config == image.config.raw

    def test_by_id(self, socket: Path) -> None:
        image = image_of(Compression.NONE, "by id")
        load(MemoryInput(image), NAME, socket, depth=None)
        for asked in (str(image.config.digest), image.config.digest.hex[:12]):
            found = read(asked, socket)
            assert (found.config, found.name) == (image.config.raw, NAME)

    def test_what_a_filter_changed_arrives_changed(self, socket: Path) -> None:
        chosen = NormalizeTimestamps(NormalizeOptions(timestamp=1))
        image = image_of(Compression.GZIP, "filtered")
        outcome = load(MemoryInput(image), NAME, socket, filters=[OpenFilter("normalize-timestamps", chosen)])
        assert outcome.findings == ()
        assert [Digest.of(layer) for layer in read(NAME, socket).layers] == [
            layer.diff_id for layer in outcome.images[0].layers
        ]

    def test_an_image_without_layers(self, socket: Path) -> None:
        image = build_image([], family=Family.OCI, compression=Compression.NONE, history=())
        assert load(MemoryInput(image), "empty:latest", socket).findings == ()


class TestBadDays:
    def test_an_image_that_is_not_there(self, socket: Path) -> None:
        with pytest.raises(NotFound, match="has no image 'no/such:image'"):
            read("no/such:image", socket)

    def test_a_source_that_breaks_leaves_nothing(self, socket: Path, client: DockerClient) -> None:
        image = build_image([layer_tar(("broken", "in the middle\n" * 1000))], compression=Compression.NONE)

        class Breaking(MemoryInput):
            def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
                yield image.layers[0].blob[:100]
                raise TransferError("the disk is gone")

        with pytest.raises(TransferError, match="the disk is gone"):
            load(Breaking(image), "broken:latest", socket)
        with pytest.raises(NotFound):
            client.inspect("broken:latest")

    def test_layers_that_are_none_are_refused_by_the_daemon(self, socket: Path, client: DockerClient) -> None:
        honest = build_image([b"this is no tar archive" * 100], family=Family.OCI, compression=Compression.NONE)
        with pytest.raises(TransferError, match=r"cannot load the image|answers 500"):
            load(MemoryInput(honest), "bad:latest", socket, depth=None)
        with pytest.raises(NotFound):
            client.inspect("bad:latest")


class TestVerifier:
    def test_an_image_that_is_gone_is_an_error(self, socket: Path, client: DockerClient) -> None:
        image = MemoryInput(image_of(Compression.NONE, "gone"))
        (finding,) = load(image, NAME, socket, meanwhile=lambda: client.untag(NAME)).findings
        assert (finding.check, finding.severity) == ("verify.image", Severity.ERROR)
        assert f"has no image {NAME!r}" in finding.message

    def test_another_image_under_the_name_is_an_error(self, socket: Path) -> None:
        other = build_image(LAYERS[:1], family=Family.OCI)
        found = load(
            MemoryInput(image_of(Compression.NONE, "replaced")),
            NAME,
            socket,
            meanwhile=lambda: load(MemoryInput(other), NAME, socket, depth=None),
        ).findings
        assert [finding.check for finding in found] == ["verify.image", "verify.layer"]
        assert f"the daemon calls the image {other.config.digest}" in found[0].message


class TestDockerItself:
    def test_what_it_cannot_export_it_says_itself(self, dockerd: peers.DockerDaemon) -> None:
        empty = build_image([], family=Family.OCI, compression=Compression.NONE, history=())
        load(MemoryInput(empty), "empty:latest", dockerd.socket)
        with pytest.raises(TransferError, match="answers 500: empty export"):
            read("empty:latest", dockerd.socket)

    def test_what_docker_built_is_what_docker_saves(self, dockerd: peers.DockerDaemon, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("hello")
        (tmp_path / "Dockerfile").write_text(
            'FROM scratch\nCOPY file /a\nCOPY file /b\nCOPY file /a\nENV A=b\nUSER 7\nCMD ["/a"]\n'
        )
        dockerd.run("build", "--quiet", "--tag", "built:here", str(tmp_path))
        wanted = json.loads(dockerd.run("image", "inspect", "built:here"))[0]
        found = read("built:here", dockerd.socket)
        config = json.loads(found.config)
        assert str(Digest.of(found.config)) == wanted["Id"]
        assert [str(Digest.of(layer)) for layer in found.layers] == wanted["RootFS"]["Layers"]
        assert config["config"]["User"] == "7"
        assert len(config["history"]) == 6

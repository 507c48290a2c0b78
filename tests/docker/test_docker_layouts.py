"""Images as every kind of daemon exports them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from occystrap_core.model.errors import NotFound
from occystrap_core.model.media_types import OCI_LAYER, Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import BuiltImage, build_image, build_index, layer_tar
from tests.docker.daemon import (
    NAME,
    Daemon,
    containerd,
    docker_24,
    docker_25,
    inspected,
    podman,
)
from tests.docker.moves import read

LAYERS = [layer_tar(("etc/", ""), (f"etc/file{n}", f"content {n}\n" * 1000)) for n in range(4)]
HISTORY = [
    {"created": "2024-01-01T00:00:00Z", "created_by": "RUN one"},
    {"created": "2024-01-01T00:00:00Z", "created_by": "ENV a=b", "empty_layer": True},
    *({"created": "2024-01-01T00:00:00Z", "created_by": f"COPY {n}"} for n in range(3)),
]


def image_of(family: Family = Family.DOCKER, compression: Compression = Compression.NONE) -> BuiltImage:
    more = {"variant": "v2", "config": {"User": "1000", "Cmd": ["/bin/sh"]}}
    return build_image(LAYERS, family=family, compression=compression, config=more, history=HISTORY)


@pytest.mark.parametrize("layout", [docker_24, docker_25, podman])
def test_the_layers_come_in_order_and_the_config_is_the_real_one(
    daemon: Daemon, layout: Callable[[BuiltImage], bytes]
) -> None:
    image = image_of()
    daemon.has(inspected(image, image.config.digest), layout(image))
    found = read(NAME, daemon.socket)
    assert found.layers == tuple(LAYERS)
    assert found.config == image.config.raw
    assert json.loads(found.config)["history"] == HISTORY
    assert found.name == NAME
    assert found.notes == ()


def test_the_image_is_exported_once(daemon: Daemon) -> None:
    image = image_of()
    daemon.has(inspected(image, image.config.digest), docker_24(image))
    read(NAME, daemon.socket)
    assert daemon.asked == [f"GET /images/{NAME}/json", f"GET /images/{NAME}/get"]


def test_a_layer_that_is_a_link_to_another_is_that_one(daemon: Daemon) -> None:
    """As docker before 25 saves an image that has the same layer twice."""
    image = build_image([LAYERS[0], LAYERS[1], LAYERS[0]], compression=Compression.NONE)
    daemon.has(inspected(image, image.config.digest), docker_24(image, shared=2))
    assert read(NAME, daemon.socket).layers == (LAYERS[0], LAYERS[1], LAYERS[0])


def test_docker_25_keeps_the_manifest(daemon: Daemon) -> None:
    image = image_of(Family.OCI)
    daemon.has(inspected(image, image.config.digest), docker_25(image))
    found = read(NAME, daemon.socket)
    assert found.root == str(image.root.digest)
    assert set(found.media_types) == {OCI_LAYER}


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
def test_containerd_keeps_layers_compressed_and_calls_the_image_by_its_manifest(
    daemon: Daemon, compression: Compression
) -> None:
    image = image_of(Family.OCI, compression)
    daemon.has(inspected(image, image.root.digest), containerd(image, image))
    found = read(NAME, daemon.socket)
    assert found.root == str(image.root.digest)
    assert (found.config, found.layers) == (image.config.raw, tuple(LAYERS))
    assert found.media_types == tuple(layer.descriptor.media_type for layer in image.layers)


def test_of_an_index_containerd_exports_the_image_that_it_pulled(daemon: Daemon) -> None:
    here = image_of(Family.OCI, Compression.GZIP)
    elsewhere = build_image([LAYERS[0]], family=Family.OCI, platform=Platform("linux", "arm64"))
    index = build_index([elsewhere, here])
    daemon.has(inspected(here, index.root.digest), containerd(index, here))
    found = read(NAME, daemon.socket)
    assert found.root == str(here.root.digest)
    assert (found.config, found.layers) == (here.config.raw, tuple(LAYERS))


class TestNames:
    @pytest.fixture(autouse=True)
    def image(self, daemon: Daemon) -> BuiltImage:
        image = image_of()
        for name in (NAME, str(image.config.digest), "abcdef012345", "localhost:5000/a/b:latest", "busybox:latest"):
            daemon.has(inspected(image, image.config.digest), docker_24(image), name)
        return image

    @pytest.mark.parametrize(
        ("asked", "name"),
        [
            ("ns/app:v1", "ns/app:v1"),
            ("docker.io/ns/app:v1", "ns/app:v1"),
            ("busybox", "busybox:latest"),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
            ("abcdef012345", NAME),
        ],
    )
    def test_an_image_is_called_as_it_was_asked_for(self, daemon: Daemon, asked: str, name: str) -> None:
        assert read(asked, daemon.socket).name == name

    def test_by_id_an_image_is_called_by_its_first_tag(self, daemon: Daemon, image: BuiltImage) -> None:
        assert read(str(image.config.digest), daemon.socket).name == NAME

    def test_an_image_that_is_not_there_is_named(self, daemon: Daemon) -> None:
        with pytest.raises(NotFound, match=r"has no image 'deadbeef:latest' \(404: No such image: deadbeef:latest\)"):
            read("deadbeef", daemon.socket)

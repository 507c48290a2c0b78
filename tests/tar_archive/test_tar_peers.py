"""What other tools write we read, and what we write they read, layer for layer."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.engine.source_tree import read_tree
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import ImageName, images_of
from occystrap_core.model.media_types import Compression, Family, layer_compression
from occystrap_core.streams.codec import inflate
from occystrap_core.testing.build import build_image, directory, file, layer_tar, whiteout
from tests import peers
from tests.tar_archive.archives import EVERYTHING, digest_of, messages, opened, read_back, transfer

LAYERS = (
    layer_tar(directory("etc"), file("etc/motd", "hello\n"), file("etc/gone", "x")),
    layer_tar(directory("usr"), file("usr/data", bytes(range(256)) * 2000)),
    layer_tar(directory("etc"), whiteout("etc/gone")),
)
DIFF_IDS = [str(Digest.of(layer)) for layer in LAYERS]
IMAGE = build_image(LAYERS, config={"config": {"Cmd": ["/bin/true"], "Labels": {"made.by": "a test"}}})
NAME = ImageName("localhost/sample", "tested")


def diff_ids_in(path: Path, ref: str = "") -> list[str]:
    """The digests of the layers as they unpack, not as a config claims."""
    source = opened(path, ref)
    tree, _ = read_tree(source, EVERYTHING)
    found = []
    for image in images_of(tree):
        for layer in image.layers:
            compression = layer_compression(layer.descriptor.media_type) or Compression.NONE
            found.append(str(digest_of(inflate(source.blob(layer.descriptor), compression))))
    source.close()
    return found


def skopeo_copy(source: str, destination: str) -> None:
    peers.run_tool("skopeo", "copy", "--quiet", "--insecure-policy", source, destination)


def layout_diff_ids(directory: Path) -> list[str]:
    """What a layout that skopeo wrote holds, read without our help."""

    def blob(digest: str) -> bytes:
        return (directory / "blobs" / digest.replace(":", "/")).read_bytes()

    index = json.loads((directory / "index.json").read_bytes())
    manifest = json.loads(blob(index["manifests"][0]["digest"]))
    found = []
    for layer in manifest["layers"]:
        raw = blob(layer["digest"])
        found.append(str(Digest.of(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)))
    return found


@pytest.fixture(params=["docker", "oci"])
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ours(tmp_path: Path, format: str) -> Path:
    path = tmp_path / "ours.tar"
    assert messages(transfer(IMAGE, path, format=format, called=NAME).findings) == []
    return path


@pytest.mark.peer("skopeo")
def test_skopeo_reads_what_we_write(tmp_path: Path, ours: Path, format: str) -> None:
    skopeo_copy(f"{format}-archive:{ours}", f"oci:{tmp_path / 'layout'}:x")
    assert layout_diff_ids(tmp_path / "layout") == DIFF_IDS


@pytest.mark.peer("skopeo")
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_skopeo_reads_compressed_layers(tmp_path: Path, format: str, compression: str) -> None:
    path = tmp_path / "a.tar"
    transfer(IMAGE, path, format=format, compression=compression)
    skopeo_copy(f"{format}-archive:{path}", f"dir:{tmp_path / 'copied'}")
    config = json.loads((tmp_path / "copied" / "manifest.json").read_bytes())["config"]["digest"]
    assert config == str(IMAGE.config.digest)


@pytest.mark.peer("skopeo")
@pytest.mark.parametrize("write", ["docker-archive", "oci-archive"])
def test_we_read_what_skopeo_writes(tmp_path: Path, ours: Path, format: str, write: str) -> None:
    skopeo_copy(f"{format}-archive:{ours}", f"{write}:{tmp_path / 'theirs.tar'}:example.com/copied:1")
    assert diff_ids_in(tmp_path / "theirs.tar") == DIFF_IDS
    read = read_back(tmp_path / "theirs.tar")
    assert read.name == "example.com/copied:1"
    assert json.loads(read.config)["config"]["Labels"] == {"made.by": "a test"}


@pytest.mark.peer("podman")
def test_podman_reads_what_we_write_and_we_what_podman_writes(tmp_path: Path, podman: peers.Podman, ours: Path) -> None:
    assert "localhost/sample:tested" in podman.run("load", "--input", str(ours))
    inspected: list[dict[str, Any]] = json.loads(podman.run("inspect", "localhost/sample:tested"))
    assert inspected[0]["RootFS"]["Layers"] == DIFF_IDS
    assert inspected[0]["Id"] == IMAGE.config.digest.hex

    for saved_as in ("docker-archive", "oci-archive"):
        theirs = tmp_path / f"{saved_as}.tar"
        podman.run("save", "--format", saved_as, "--output", str(theirs), "localhost/sample:tested")
        assert diff_ids_in(theirs) == DIFF_IDS
        assert read_back(theirs).name == "localhost/sample:tested"


@pytest.mark.peer("podman")
def test_podman_saves_several_images_and_shared_layers_as_links(tmp_path: Path, podman: peers.Podman) -> None:
    other = build_image(LAYERS[:2], config={"config": {"Cmd": ["/bin/false"]}})
    for image, name in ((IMAGE, NAME), (other, ImageName("localhost/other", "1"))):
        transfer(image, tmp_path / "a.tar", called=name)
        podman.run("load", "--input", str(tmp_path / "a.tar"))
    theirs = tmp_path / "both.tar"
    podman.run("save", "--multi-image-archive", "--output", str(theirs), "localhost/sample:tested", "localhost/other:1")
    assert diff_ids_in(theirs, "localhost/sample:tested") == DIFF_IDS
    assert diff_ids_in(theirs, "localhost/other:1") == DIFF_IDS[:2]
    source = opened(theirs)
    assert "holds 2 images" in source.notes()[0]
    source.close()


@pytest.mark.peer("podman")
def test_podman_loads_a_layer_that_stands_twice(tmp_path: Path, podman: peers.Podman, format: str) -> None:
    twice = build_image([LAYERS[0], LAYERS[1], LAYERS[0]], family=Family.OCI)
    transfer(twice, tmp_path / "a.tar", format=format, called=NAME)
    podman.run("load", "--input", str(tmp_path / "a.tar"))
    inspected = json.loads(podman.run("inspect", "localhost/sample:tested"))
    assert inspected[0]["RootFS"]["Layers"] == [DIFF_IDS[0], DIFF_IDS[1], DIFF_IDS[0]]


@pytest.mark.peer("docker")
@pytest.mark.parametrize("format", ["docker"])  # docker's classic store knows no pure OCI archives
def test_docker_reads_what_we_write_and_we_what_docker_writes(
    tmp_path: Path, dockerd: peers.DockerDaemon, ours: Path
) -> None:
    dockerd.run("load", "--input", str(ours))
    (inspected,) = json.loads(dockerd.run("inspect", "localhost/sample:tested"))
    assert inspected["RootFS"]["Layers"] == DIFF_IDS

    theirs = tmp_path / "theirs.tar"
    dockerd.run("save", "--output", str(theirs), "localhost/sample:tested")
    assert diff_ids_in(theirs) == DIFF_IDS
    read = read_back(theirs)
    assert read.name == "localhost/sample:tested"
    assert Digest.of(read.config) == IMAGE.config.digest
    source = opened(theirs)
    assert source.notes() == ()
    assert source.traits.unpacked
    source.close()


@pytest.mark.peer("docker")
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_docker_loads_compressed_layers(tmp_path: Path, dockerd: peers.DockerDaemon, compression: str) -> None:
    name = ImageName(f"localhost/squeezed-{compression}", "1")
    transfer(IMAGE, tmp_path / "a.tar", compression=compression, called=name)
    dockerd.run("load", "--input", str(tmp_path / "a.tar"))
    (inspected,) = json.loads(dockerd.run("inspect", str(name)))
    assert inspected["RootFS"]["Layers"] == DIFF_IDS
    dockerd.run("rmi", str(name))


@pytest.mark.peer("docker")
def test_docker_saves_several_images(tmp_path: Path, dockerd: peers.DockerDaemon) -> None:
    other = build_image(LAYERS[:1], config={"config": {"Cmd": ["/bin/false"]}})
    names = [ImageName("localhost/first", "1"), ImageName("localhost/second", "2")]
    for image, name in zip((IMAGE, other), names, strict=True):
        transfer(image, tmp_path / "a.tar", called=name)
        dockerd.run("load", "--input", str(tmp_path / "a.tar"))
    dockerd.run("tag", str(names[0]), "localhost/alias:3")
    theirs = tmp_path / "theirs.tar"
    dockerd.run("save", "--output", str(theirs), *map(str, names), "localhost/alias:3")
    for ref, layers in ((str(names[0]), 3), ("localhost/alias:3", 3), (str(names[1]), 1)):
        assert diff_ids_in(theirs, ref) == DIFF_IDS[:layers]
    dockerd.run("save", "--output", str(tmp_path / "by-id.tar"), str(IMAGE.config.digest))
    assert diff_ids_in(tmp_path / "by-id.tar") == DIFF_IDS


@pytest.mark.peer("buildah")
def test_we_read_what_buildah_writes(tmp_path: Path) -> None:
    peers.require_root("buildah without a user namespace")
    transfer(IMAGE, tmp_path / "a.tar", called=NAME)
    store = ["--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"), "--storage-driver", "vfs"]
    peers.run_tool("buildah", *store, "pull", "--quiet", f"docker-archive:{tmp_path / 'a.tar'}")
    for transport in ("docker-archive", "oci-archive"):
        theirs = tmp_path / f"{transport}.tar"
        peers.run_tool("buildah", *store, "push", "--quiet", str(NAME), f"{transport}:{theirs}:{NAME}")
        assert diff_ids_in(theirs) == DIFF_IDS

"""The sample image is one that real tools take and unpack."""

from __future__ import annotations

import json

import pytest

from tests import peers


@pytest.fixture(scope="module")
def layout(tmp_path_factory, run_cli):
    directory = tmp_path_factory.mktemp("sample") / "layout"
    done = run_cli("process", "sample://demo?family=oci&compression=gzip", f"ocidir://{directory}:latest")
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def archive(tmp_path_factory, run_cli):
    path = tmp_path_factory.mktemp("sample") / "demo.tar"
    done = run_cli("process", "sample://demo", f"tar://{path}")
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.peer("skopeo")
def test_skopeo_reads_it(layout):
    inspected = json.loads(peers.run_tool("skopeo", "inspect", f"oci:{layout}:latest"))
    assert len(inspected["Layers"]) == 3
    assert inspected["Architecture"] == "amd64"


@pytest.mark.peer("umoci")
def test_umoci_unpacks_it(layout, tmp_path):
    peers.run_tool("umoci", "unpack", "--rootless", "--image", f"{layout}:latest", str(tmp_path / "bundle"))
    root = tmp_path / "bundle" / "rootfs"
    assert (root / "bin").readlink().as_posix() == "usr/bin"
    layers = [root / "usr" / "share" / f"layer{number}" for number in range(3)]
    assert [(layer / "obsolete").exists() for layer in layers] == [False, False, True]
    assert (layers[0] / "twin").stat().st_nlink == 2
    assert len(list(layers[1].glob("00000/file*"))) == 20


def test_podman_loads_it(archive, podman):
    podman.run("load", "--input", str(archive))
    image = json.loads(podman.run("image", "inspect", "localhost/demo:latest"))[0]
    assert len(image["RootFS"]["Layers"]) == 3


def test_docker_loads_it(archive, dockerd):
    dockerd.run("load", "--input", str(archive))
    image = json.loads(dockerd.run("image", "inspect", "demo:latest"))[0]
    assert len(image["RootFS"]["Layers"]) == 3
    assert image["Config"]["Labels"] == {"org.opencontainers.image.title": "sample"}

"""Real clients push into the server and pull it out again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from occystrap_core.kit.certificates import self_signed, server_context
from occystrap_core.kit.distribution.server import BasicGate
from occystrap_core.kit.distribution.server.gate import basic
from occystrap_core.model.media_types import Family
from occystrap_core.testing.build import build_image, build_index, layer_tar
from tests import peers
from tests.end_to_end.images import write_layout
from tests.server.conftest import Served

PASSWORD = "12345"
SKOPEO_COPY = ("skopeo", "copy", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false")


@pytest.fixture
def secure(serve: Callable[..., Served]) -> Served:
    return serve(tls=server_context(self_signed(("127.0.0.1",))), gate=BasicGate({"ann": PASSWORD}))


def layers() -> list[bytes]:
    return [layer_tar(("etc/motd", "hello")), layer_tar(("data", "x" * 3_000_000)), layer_tar(("etc/motd", "hello"))]


@pytest.mark.peer("skopeo")
def test_skopeo_both_ways(secure: Served, tmp_path: Path) -> None:
    image, name = build_image(layers(), family=Family.OCI), f"docker://{secure.server.host}/some/image:v1"
    layout = write_layout(tmp_path / "layout", image).removeprefix("ocidir://")
    peers.run_tool(*SKOPEO_COPY, "--preserve-digests", "--dest-creds", f"ann:{PASSWORD}", f"oci:{layout}", name)
    pushed = secure.store.manifest("some/image", "v1")
    assert pushed and pushed.raw == image.manifest.raw
    for digest, content in image.blobs.items():
        blob = secure.store.blob("some/image", digest)
        assert blob and b"".join(blob.chunks()) == content
    peers.run_tool(*SKOPEO_COPY, "--src-creds", f"ann:{PASSWORD}", name, f"dir:{tmp_path / 'copy'}")
    assert (tmp_path / "copy" / "manifest.json").read_bytes() == image.manifest.raw


@pytest.mark.peer("skopeo")
def test_skopeo_pushes_an_index(served: Served, tmp_path: Path) -> None:
    index = build_index([build_image(layers(), family=Family.OCI), build_image([b""], family=Family.OCI)], attest=True)
    layout = write_layout(tmp_path / "layout", index).removeprefix("ocidir://")
    peers.run_tool(*SKOPEO_COPY, "--all", f"oci:{layout}", f"docker://{served.server.host}/some/image:v1")
    pushed = served.store.manifest("some/image", "v1")
    assert pushed and pushed.raw == index.index.raw


def test_podman_both_ways(secure: Served, podman: peers.Podman, tmp_path: Path) -> None:
    layout = write_layout(tmp_path / "layout", build_image(layers(), family=Family.OCI)).removeprefix("ocidir://")
    loaded = podman.run("pull", f"oci:{layout}").split()[-1]
    name, login = f"{secure.server.host}/some/image:v1", ("--tls-verify=false", "--creds", f"ann:{PASSWORD}")
    podman.run("push", *login, loaded, name)
    podman.run("rmi", "--force", loaded)
    podman.run("pull", *login, name)
    assert json.loads(podman.run("image", "inspect", name))[0]["Id"] == loaded


def test_docker_both_ways(
    secure: Served, dockerd: peers.DockerDaemon, tmp_path: Path, run_cli: Callable[..., peers.Result]
) -> None:
    archive, name = tmp_path / "image.tar", f"{secure.server.host}/some/image:v1"
    layout = write_layout(tmp_path / "layout", build_image(layers()))
    assert run_cli("process", layout, f"tar://{archive}?name={name}").returncode == 0
    dockerd.run("load", "-i", str(archive))
    loaded = dockerd.run("image", "inspect", "-f", "{{.Id}}", name)
    auth = basic("ann", PASSWORD).removeprefix("Basic ")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {secure.server.host: {"auth": auth}}}))
    dockerd.run("--config", str(tmp_path), "push", name)
    dockerd.run("rmi", name)
    dockerd.run("--config", str(tmp_path), "pull", name)
    assert dockerd.run("image", "inspect", "-f", "{{.Id}}", name) == loaded
    dockerd.run("rmi", name)

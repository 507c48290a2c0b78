"""Round trips through docker-registry, skopeo and podman: what we write they read, and the other way round."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from occystrap_core.model.media_types import Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import BuiltImage, BuiltIndex, build_image, build_index, layer_tar
from tests import peers
from tests.registry.conftest import PASSWORD
from tests.registry.opening import destination, push, source
from tests.registry.tokens import TokenServer

RunCli = Callable[..., peers.Result]
SKOPEO_COPY = ("skopeo", "copy", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false")


def picture(family: Family = Family.DOCKER, text: str = "hello") -> BuiltImage:
    return build_image(
        [layer_tar(("etc/", ""), ("etc/motd", text)), layer_tar(("data", "x" * 200_000 + text))], family=family
    )


def several() -> BuiltIndex:
    arm = build_image([layer_tar(("etc/motd", "arm"))], family=Family.OCI, platform=Platform("linux", "arm64", "v8"))
    return build_index([picture(Family.OCI), arm])


def inspected(uri: str, *more: str) -> dict[str, object]:
    out = peers.run_tool(
        "skopeo", "inspect", "--tls-verify=false", *more, f"docker://{uri.removeprefix('registry://')}"
    )
    found: dict[str, object] = json.loads(out)
    return found


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.peer("skopeo")
def test_skopeo_reads_what_we_push(registry: peers.Registry, tmp_path: Path, family: Family) -> None:
    image, name = picture(family), f"{registry.host}/{registry.fresh('pushed')}:v1"
    push(destination(f"registry://{name}"), image)
    assert inspected(name)["Digest"] == str(image.root.digest)
    peers.run_tool(*SKOPEO_COPY, f"docker://{name}", f"dir:{tmp_path / 'copy'}")
    for layer in image.layers:
        assert (tmp_path / "copy" / layer.descriptor.digest.hex).read_bytes() == layer.blob
    assert (tmp_path / "copy" / "manifest.json").read_bytes() == image.manifest.raw


@pytest.mark.peer("skopeo")
def test_skopeo_reads_every_platform_of_an_index(registry: peers.Registry, tmp_path: Path) -> None:
    index, name = several(), f"{registry.host}/{registry.fresh('index')}:v1"
    push(destination(f"registry://{name}"), index)
    peers.run_tool(*SKOPEO_COPY, "--all", f"docker://{name}", f"oci:{tmp_path / 'layout'}:all")
    stored = {path.name: path.read_bytes() for path in (tmp_path / "layout/blobs/sha256").iterdir()}
    for digest, blob in {**index.blobs, **index.documents}.items():
        assert stored[digest.hex] == blob


@pytest.mark.peer("skopeo")
def test_we_read_what_skopeo_pushes(registry: peers.Registry, tmp_path: Path, run_cli: RunCli) -> None:
    layout = tmp_path / "layout"
    assert run_cli("process", "sample://", f"ocidir://{layout}:x").returncode == 0
    name = f"{registry.host}/{registry.fresh('skopeo')}:v1"
    peers.run_tool(*SKOPEO_COPY, "--format", "v2s2", f"oci:{layout}:x", f"docker://{name}")
    done = run_cli("-O", "json", "--verify-full", "process", f"registry://{name}", f"ocidir://{tmp_path / 'back'}:x")
    assert done.returncode == 0, done.stderr
    peers.run_tool("skopeo", "inspect", f"oci:{tmp_path / 'back'}:x")


def test_a_registry_copy_is_byte_identical_and_mounts(registry: peers.Registry, run_cli: RunCli) -> None:
    index, first = several(), f"{registry.host}/{registry.fresh('first')}:v1"
    push(destination(f"registry://{first}"), index)
    second = f"{registry.host}/{registry.fresh('second')}:v2"
    done = run_cli("-O", "json", "--all-platforms", "process", f"registry://{first}", f"registry://{second}")
    assert done.returncode == 0, done.stderr
    images = json.loads(done.stdout)["images"]
    assert all(layer["reused"] for image in images for layer in image["layers"])
    assert source(f"registry://{second}").root().digest == index.root.digest


def test_a_uri_chooses_its_platform(registry: peers.Registry, run_cli: RunCli, tmp_path: Path) -> None:
    index, name = several(), f"{registry.host}/{registry.fresh('platforms')}:v1"
    push(destination(f"registry://{name}"), index)
    done = run_cli("-O", "json", "process", f"registry://{name}?arch=arm64", f"ocidir://{tmp_path / 'arm'}:x")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == str(index.children[1].root.digest)


def test_a_pinned_destination_takes_an_unchanged_image_only(registry: peers.Registry, run_cli: RunCli) -> None:
    image, name = picture(), f"{registry.host}/{registry.fresh('pinned')}"
    push(destination(f"registry://{name}:v1"), image)
    target = f"registry://{registry.host}/{registry.fresh('target')}@{image.root.digest}"
    assert run_cli("process", f"registry://{name}:v1", target).returncode == 0
    done = run_cli("process", f"registry://{name}:v1", target, "-f", "normalize-timestamps:ts=5")
    assert done.returncode == 2
    assert "names the digest" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.peer("skopeo")
def test_a_conversion_to_zstd_is_an_oci_image(registry: peers.Registry, run_cli: RunCli) -> None:
    image, name = picture(), f"{registry.host}/{registry.fresh('zstd')}"
    push(destination(f"registry://{name}:v1"), image)
    done = run_cli("process", f"registry://{name}:v1", f"registry://{name}:v2?compression=zstd", "--verify-full")
    assert done.returncode == 0, done.stderr
    manifest = inspected(f"{name}:v2", "--raw")
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert {layer["mediaType"] for layer in manifest["layers"]} == {  # type: ignore[attr-defined]  # JSON
        "application/vnd.oci.image.layer.v1.tar+zstd"
    }


@pytest.mark.peer("skopeo")
def test_a_conversion_to_docker(registry: peers.Registry, run_cli: RunCli) -> None:
    image, name = picture(Family.OCI), f"{registry.host}/{registry.fresh('docker')}"
    push(destination(f"registry://{name}:v1"), image)
    done = run_cli("process", f"registry://{name}:v1", f"registry://{name}:v2?format=docker", "--verify-full")
    assert done.returncode == 0, done.stderr
    assert inspected(f"{name}:v2", "--raw")["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert inspected(f"{name}:v2")["Layers"] == [str(layer.descriptor.digest) for layer in image.layers]


def test_podman_runs_into_no_surprise(registry: peers.Registry, podman: peers.Podman) -> None:
    image, name = picture(), f"{registry.host}/{registry.fresh('podman')}:v1"
    push(destination(f"registry://{name}"), image)
    podman.run("pull", "--tls-verify=false", name)
    found = json.loads(podman.run("image", "inspect", name))[0]
    assert found["RootFS"]["Layers"] == [str(layer.diff_id) for layer in image.layers]


def test_docker_pulls_what_we_push_and_we_read_what_it_pushes(
    registry: peers.Registry, dockerd: peers.DockerDaemon, run_cli: RunCli, tmp_path: Path
) -> None:
    image, name = picture(), f"{registry.host}/{registry.fresh('docker')}"
    push(destination(f"registry://{name}:v1"), image)
    dockerd.run("pull", f"{name}:v1")
    layers = json.loads(dockerd.run("image", "inspect", f"{name}:v1"))[0]["RootFS"]["Layers"]
    assert layers == [str(layer.diff_id) for layer in image.layers]
    dockerd.run("tag", f"{name}:v1", f"{name}:v2")
    dockerd.run("push", f"{name}:v2")
    done = run_cli("-O", "json", "--verify-full", "process", f"registry://{name}:v2", f"tar://{tmp_path / 'image.tar'}")
    assert done.returncode == 0, done.stderr
    (copied,) = json.loads(done.stdout)["images"]
    assert [layer["diff_id"] for layer in copied["layers"]] == layers


def test_basic_login_both_ways(basic_registry: peers.Registry, run_cli: RunCli) -> None:
    name = f"{basic_registry.host}/{basic_registry.fresh('basic')}:v1"
    done = run_cli("process", "sample://", f"registry://ann:{PASSWORD}@{name}", "--verify-full")
    assert (done.returncode, "verified OK" in done.stderr) == (0, True), done.stderr
    done = run_cli(
        "process", f"registry://{name}?username=ann&password={PASSWORD}", f"registry://ann:{PASSWORD}@{name}2"
    )
    assert done.returncode == 0, done.stderr


def test_basic_login_from_dockers_config(
    basic_registry: peers.Registry, run_cli: RunCli, no_stored_credentials: Path
) -> None:
    name = f"{basic_registry.host}/{basic_registry.fresh('stored')}:v1"
    config = no_stored_credentials / ".docker/config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"auths": {basic_registry.host: {"auth": "YW5uOjEyMzQ1"}}}))
    done = run_cli("process", "sample://", f"registry://{name}")
    assert (done.returncode, "verified OK" in done.stderr) == (0, True), done.stderr


@pytest.mark.peer("podman")
def test_basic_login_that_podman_stored(
    basic_registry: peers.Registry, run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth_file = tmp_path / "auth.json"
    login = ["podman", "login", "--tls-verify=false", "--authfile", str(auth_file), "-u", "ann", "--password-stdin"]
    subprocess.run([*login, basic_registry.host], input=PASSWORD.encode(), check=True, capture_output=True)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(auth_file))
    done = run_cli("process", "sample://", f"registry://{basic_registry.host}/{basic_registry.fresh('podman')}:v1")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("login", ["", f"ann:wrong-{PASSWORD}@"])
@pytest.mark.parametrize("kind", ["basic_registry", "token_registry"])
def test_a_refused_login_is_one_clear_line(
    request: pytest.FixtureRequest, run_cli: RunCli, kind: str, login: str
) -> None:
    running: peers.Registry = request.getfixturevalue(kind)
    done = run_cli("process", f"registry://{login}{running.host}/some/image:v1", "tar:///dev/null/never")
    assert done.returncode == 3
    assert done.stderr.startswith("Error: source: ") and done.stderr.count("\n") == 1
    assert PASSWORD not in done.stderr and "Traceback" not in done.stderr


def test_token_login_both_ways(token_registry: peers.Registry, token_server: TokenServer, run_cli: RunCli) -> None:
    first, second = token_registry.fresh("token"), token_registry.fresh("token")
    host = f"registry://ann:{PASSWORD}@{token_registry.host}"
    done = run_cli("process", "sample://", f"{host}/{first}:v1", "--verify-full")
    assert (done.returncode, "verified OK" in done.stderr) == (0, True), done.stderr
    done = run_cli("process", f"{host}/{first}:v1", f"{host}/{second}:v1", "--verify-full")
    assert (done.returncode, "verified OK" in done.stderr) == (0, True), done.stderr
    assert (f"repository:{second}:pull,push", f"repository:{first}:pull") in token_server.asked


def test_errors_of_a_registry_are_one_line(registry: peers.Registry, run_cli: RunCli) -> None:
    for uri, code, says in (
        (f"registry://{registry.host}/no/such:tag", 3, "MANIFEST_UNKNOWN"),
        (f"registry://127.0.0.1:{peers.free_port()}/x", 3, "refuses the connection"),
        ("registry://registry.invalid/x", 3, "there is no host registry.invalid"),
        (f"registry://{registry.host}/x?insecure=false", 3, "does not speak TLS"),
        ("registry://docker.io", 2, "names no image"),
        ("registry://docker.io/UPPER", 2, "is not a repository name"),
        (f"registry://{registry.host}/x?usrname=y", 2, "did you mean 'username'"),
    ):
        done = run_cli("--retries", "0", "process", uri, "tar:///dev/null/never")
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
        assert says in done.stderr

"""`info` says the same of one image, wherever it lies: every key, and the same facts."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.model.media_types import Family
from occystrap_core.testing.registry import EmbeddedRegistry
from tests import peers
from tests.cli.conftest import Run, quiet_surroundings, run
from tests.end_to_end.images import write_layout
from tests.info.test_info_command import BEFORE, HISTORY, app
from tests.peers import DockerDaemon, Podman, Registry

__all__ = ["quiet_surroundings", "run"]

KEYS = (
    *BEFORE, "user", "stop_signal", "healthcheck", "version", "source", "digest", "artifact_type", "annotations",
    "platform", "platforms", "referrers", "notes",
)  # fmt: skip
LAYER_KEYS = {
    "index", "digest", "size", "media_type", "compression", "diff_id", "created_by", "actual_compression",
    "uncompressed_size",
}  # fmt: skip
OF_THE_CONFIG = (
    "architecture", "os", "variant", "created", "diff_ids", "history_count", "empty_layer_count", "labels", "env",
    "entrypoint", "cmd", "working_dir", "exposed_ports", "volumes", "user", "stop_signal", "healthcheck", "platform",
    "layer_count", "config_digest", "config_size",
)  # fmt: skip
IMAGE = app(family=Family.DOCKER)


@pytest.fixture
def layout(tmp_path: Path) -> str:
    return write_layout(tmp_path / "layout", IMAGE)


@pytest.fixture
def truth(run: Run, layout: str) -> dict[str, Any]:
    return told(run, layout)


def told(run: Run, *arguments: str) -> dict[str, Any]:
    ran = run("info", *arguments, "-O", "json")
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, Any] = json.loads(ran.out)
    return found


def holds(found: dict[str, Any], truth: dict[str, Any]) -> None:
    """Every key is there, in order, and what the config says is what it says."""
    assert tuple(found) == KEYS
    assert all(set(layer) == LAYER_KEYS for layer in found["layers"])
    assert {key: found[key] for key in OF_THE_CONFIG} == {key: truth[key] for key in OF_THE_CONFIG}
    assert [layer["created_by"] for layer in found["layers"]] == [HISTORY[0]["created_by"], HISTORY[2]["created_by"]]
    assert [layer["diff_id"] for layer in found["layers"]] == found["diff_ids"]
    assert found["digest"].startswith("sha256:")
    assert found["total_compressed_size"] == sum(layer["size"] for layer in found["layers"])


def saved(run: Run, layout: str, folder: Path, options: str = "") -> Path:
    archive = folder / "image.tar"
    assert run("process", layout, f"tar://{archive}?name=team/app:1{options}").code == 0
    return archive


def compressed(run: Run, layout: str, folder: Path) -> str:
    whole = folder / "whole.tar.gz"
    whole.write_bytes(gzip.compress(saved(run, layout, folder).read_bytes()))
    return f"tar://{whole}"


def by_skopeo(kind: str) -> Callable[[Run, str, Path], str]:
    def copied(run: Run, layout: str, folder: Path) -> str:
        peers.require("skopeo")
        archive, copy = saved(run, layout, folder), folder / "copy.tar"
        peers.run_tool("skopeo", "--insecure-policy", "copy", f"docker-archive:{archive}", f"{kind}:{copy}:team/app:1")
        return f"tar://{copy}"

    return copied


def unpacked(run: Run, layout: str, folder: Path) -> str:
    assert run("process", layout, f"dir://{folder}/unpacked").code == 0
    return f"dir://{folder}/unpacked"


SOURCES: dict[str, Callable[[Run, str, Path], str]] = {
    "layout": lambda run, layout, folder: layout,
    "archive": lambda run, layout, folder: f"tar://{saved(run, layout, folder)}",
    "archive with compressed layers": lambda run, layout, folder: (
        f"tar://{saved(run, layout, folder, '&compression=gzip')}"
    ),
    "compressed archive": compressed,
    "archive of a layout": lambda run, layout, folder: f"tar://{saved(run, layout, folder, '&format=oci')}",
    "archive of skopeo": by_skopeo("docker-archive"),
    "directory": unpacked,
}


@pytest.mark.parametrize("name", SOURCES)
def test_files(run: Run, layout: str, truth: dict[str, Any], tmp_path: Path, name: str) -> None:
    source = SOURCES[name](run, layout, tmp_path)
    found = told(run, source)
    holds(found, truth)
    measured = told(run, source, "--sizes")
    assert tuple(measured) == KEYS
    assert [layer["uncompressed_size"] for layer in measured["layers"]] == [len(each.tar) for each in IMAGE.layers]
    assert all(set(layer) == LAYER_KEYS | {"entries", "ratio"} for layer in measured["layers"])


@pytest.mark.peer("skopeo")
def test_an_archive_that_skopeo_made_of_a_layout(run: Run, layout: str, truth: dict[str, Any], tmp_path: Path) -> None:
    """skopeo writes the config anew for OCI: its digest is another one, what it says is not."""
    found = told(run, by_skopeo("oci-archive")(run, layout, tmp_path))
    assert tuple(found) == KEYS
    ours = set(OF_THE_CONFIG) - {"config_digest", "config_size", "healthcheck", "exposed_ports"}
    assert {key: found[key] for key in ours} == {key: truth[key] for key in ours}


def test_a_made_up_image(run: Run) -> None:
    found = told(run, "sample://")
    assert tuple(found) == KEYS
    assert all(set(layer) == LAYER_KEYS for layer in found["layers"])


def test_a_registry_sends_no_layer(run: Run, layout: str, truth: dict[str, Any]) -> None:
    with EmbeddedRegistry() as server:
        server.add(IMAGE, "team/app", "1")
        uri = f"registry://{server.host}/team/app:1"
        holds(told(run, uri), truth)
        run("info", uri, "--all-platforms")
        asked = {request.path.rpartition("/")[2] for request in server.requests}
        assert not asked & {str(layer.descriptor.digest) for layer in IMAGE.layers}
        run("info", uri, "--sizes")
        assert len(server.seen("GET", str(IMAGE.layers[0].descriptor.digest))) == 1


@pytest.mark.peer("docker-registry")
def test_a_real_registry(run: Run, registry: Registry, layout: str, truth: dict[str, Any]) -> None:
    uri = f"registry://{registry.host}/{registry.fresh('told')}:1"
    assert run("process", layout, uri).code == 0
    found = told(run, uri)
    holds(found, truth)
    assert found["digest"] == truth["digest"]


@pytest.mark.peer("docker", "dockerd")
@pytest.mark.parametrize("scheme", ["docker", "dockerpush"])
def test_dockerd(
    run: Run, dockerd: DockerDaemon, layout: str, truth: dict[str, Any], tmp_path: Path, scheme: str
) -> None:
    dockerd.run("load", "-i", str(saved(run, layout, tmp_path)))
    try:
        holds(told(run, f"{scheme}://team/app:1?socket={dockerd.socket}"), truth)
    finally:
        dockerd.run("rmi", "team/app:1")


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Path, Podman]]:
    peers.require("podman")
    with tempfile.TemporaryDirectory(prefix="occystrap-podman-") as folder:
        podman = Podman(Path(folder))
        with peers.running_podman_service(podman) as socket:
            yield socket, podman


@pytest.mark.peer("podman")
@pytest.mark.parametrize("scheme", ["docker", "dockerpush"])
def test_podman(
    run: Run, service: tuple[Path, Podman], layout: str, truth: dict[str, Any], tmp_path: Path, scheme: str
) -> None:
    socket, podman = service
    podman.run("load", "-i", str(saved(run, layout, tmp_path)))
    holds(told(run, f"{scheme}://localhost/team/app:1?socket={socket}"), truth)


def test_the_image_is_one_that_has_something_for_every_key(truth: dict[str, Any]) -> None:
    assert {key for key in OF_THE_CONFIG if not truth[key]} == {"variant"}

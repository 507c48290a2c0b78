"""The whole program, as people run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run, quiet_surroundings, run
from tests.end_to_end import witness
from tests.end_to_end.images import IMAGE, write_layout
from tests.peers import Podman, Registry, run_tool

__all__ = ["Run", "quiet_surroundings", "run"]

Place = Callable[[str], str]


@pytest.fixture(autouse=True)
def no_stored_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may be logged in somewhere."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def layout(tmp_path: Path) -> str:
    """A URI of the one image that most of these tests move about, in a layout we did not write."""
    return write_layout(tmp_path / "source", IMAGE)


@pytest.fixture
def place(tmp_path: Path, registry: Registry) -> Place:
    """A new URI of the kind asked for: registry, tar, tar-oci, ocidir or dir."""
    repository = registry.fresh("moved")

    def new(kind: str, name: str = "out") -> str:
        return {
            "registry": f"registry://{registry.host}/{repository}:{name}",
            "tar": f"tar://{tmp_path}/{name}.tar",
            "tar-oci": f"tar://{tmp_path}/{name}-oci.tar?format=oci",
            "ocidir": f"ocidir://{tmp_path}/{name}-layout:v1",
            "dir": f"dir://{tmp_path}/{name}-dir",
        }[kind]

    return new


@pytest.fixture
def look(tmp_path: Path) -> Callable[[str], witness.Seen]:
    """What lies at a URI, read without our help."""
    return witness.look


def skopeo_copy(source: str, destination: str, *more: str) -> None:
    tls = [f"--{side}-tls-verify=false" for side, uri in (("src", source), ("dest", destination)) if "docker:" in uri]
    run_tool("skopeo", "copy", "--quiet", "--insecure-policy", *tls, *more, source, destination)


def podman_image(podman: Podman, name: str) -> str:
    return podman.run("image", "inspect", "--format", "{{.Id}} {{.RootFS.Layers}}", name).strip()

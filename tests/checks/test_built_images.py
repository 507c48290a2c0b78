"""What docker, buildah, podman, skopeo and umoci build by default is clean: no error, no warning."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from occystrap_core.testing.layers import symlink
from tests import peers
from tests.bundle.bundles import small_system
from tests.peers import DockerDaemon, run_tool
from tests.rootfs.trees import unpack

DOCKERFILE = """
FROM scratch
COPY system /
ENV PATH=/usr/bin:/bin LANG=C.UTF-8
COPY --chown=1000:1000 files /srv
RUN rm /srv/gone && mkdir -p /var/lib/new && echo x > /srv/sub/changed
RUN rm -r /srv/sub && mkdir /srv/sub && echo y > /srv/sub/again && ln /srv/kept /srv/linked && mkdir -m 1777 /tmp
WORKDIR /srv
VOLUME /data
EXPOSE 80/tcp
LABEL org.opencontainers.image.title=thing
USER app
ENTRYPOINT ["/srv/run.sh"]
CMD ["--help"]
"""
ACCOUNTS = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/srv:/bin/sh\n"


def complaints(uri: str) -> list[str]:
    """What `occystrap check` finds in an image, apart from what it says for information."""
    done = peers.run_cli("check", uri, "--all-platforms", "-O", "json")
    assert done.returncode in (0, 1), done.stderr
    results = json.loads(done.stdout)["results"]
    return [f"{each['check']}: {each['message']}" for each in results if each["severity"] != "info"]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the images are built from: a shell, an account, and files of every kind."""
    peers.require_root("building")
    folder = tmp_path_factory.mktemp("context")
    unpack(folder / "system", [*small_system(), ("etc/passwd", ACCOUNTS), ("etc/group", "root:x:0:\napp:x:1000:\n")])
    files = [("gone", ""), ("kept", "1"), ("sub/changed", ""), symlink("s", "../srv/kept"), ("größe " + "l" * 99, "2")]
    unpack(folder / "files", files)
    (folder / "files" / "run.sh").write_text("#!/bin/sh\necho here\n")
    (folder / "files" / "run.sh").chmod(0o755)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return folder


@pytest.fixture(scope="module")
def docker_image(context: Path, dockerd: DockerDaemon) -> str:
    dockerd.run("build", "--quiet", "--network", "none", "--tag", "clean:built", str(context))
    return "clean:built"


@pytest.fixture(scope="module")
def storage() -> Iterator[list[str]]:
    folder = Path(tempfile.mkdtemp(prefix="occystrap-built-"))
    try:
        yield ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", params=["oci", "docker"])
def buildah_image(request: pytest.FixtureRequest, storage: list[str], context: Path) -> str:
    name = f"clean-{request.param}"
    how = ["--isolation", "chroot", "--network", "host", "--layers", "--format", request.param]
    run_tool("buildah", *storage, "bud", *how, "--tag", name, str(context))
    return name


class TestDocker:
    def test_build_and_save(self, docker_image: str, dockerd: DockerDaemon, tmp_path: Path) -> None:
        assert complaints(f"docker://{docker_image}?socket={dockerd.socket}") == []
        dockerd.run("save", "--output", str(tmp_path / "saved.tar"), docker_image)
        assert complaints(f"tar://{tmp_path}/saved.tar") == []

    def test_commit(self, docker_image: str, dockerd: DockerDaemon, context: Path) -> None:
        container = dockerd.run("create", docker_image).strip()
        dockerd.run("cp", str(context / "files" / "kept"), f"{container}:/added")
        dockerd.run("commit", container, "clean:committed")
        assert complaints(f"docker://clean:committed?socket={dockerd.socket}") == []

    def test_import(self, context: Path, dockerd: DockerDaemon, tmp_path: Path) -> None:
        run_tool("tar", "-C", str(context / "system"), "-cf", str(tmp_path / "system.tar"), ".")
        dockerd.run("import", str(tmp_path / "system.tar"), "clean:imported")
        assert complaints(f"docker://clean:imported?socket={dockerd.socket}") == []


@pytest.mark.peer("buildah", "podman", "skopeo")
class TestContainersTools:
    @pytest.mark.parametrize("form", ["oci:{}/out:v1", "oci-archive:{}/out.tar:v1", "docker-archive:{}/out.tar:a:b"])
    def test_buildah_build_and_push(self, buildah_image: str, storage: list[str], tmp_path: Path, form: str) -> None:
        run_tool("buildah", *storage, "push", buildah_image, form.format(tmp_path))
        assert (
            complaints(f"ocidir://{tmp_path}/out:v1" if form.startswith("oci:") else f"tar://{tmp_path}/out.tar") == []
        )

    @pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
    def test_podman_build_squashed_and_save(self, storage: list[str], context: Path, tmp_path: Path, form: str) -> None:
        how = ["--isolation", "chroot", "--network", "host", "--squash"]
        podman = ["podman", *storage, "--events-backend", "none", "--cgroup-manager", "cgroupfs"]
        run_tool(*podman, "build", *how, "--tag", "clean-squashed", str(context))
        run_tool(*podman, "save", "--format", form, "--output", f"{tmp_path}/out.tar", "clean-squashed")
        assert complaints(f"tar://{tmp_path}/out.tar") == []

    @pytest.mark.parametrize("compression", ["zstd", "zstd:chunked"])
    def test_skopeo_copy(self, buildah_image: str, storage: list[str], tmp_path: Path, compression: str) -> None:
        """Docker before 23.0 reads no zstd: that is worth a word, unless other engines are named."""
        run_tool("buildah", *storage, "push", buildah_image, f"oci:{tmp_path}/in:v1")
        how = ["--quiet", "--dest-compress", "--dest-compress-format", compression]
        run_tool("skopeo", "copy", *how, f"oci:{tmp_path}/in:v1", f"oci:{tmp_path}/out:v1")
        found = [each.partition(":")[0] for each in complaints(f"ocidir://{tmp_path}/out:v1")]
        assert found == ["zstd-compat"]


@pytest.mark.peer("umoci")
def test_umoci_new_insert_repack_and_config(context: Path, tmp_path: Path) -> None:
    layout = f"{tmp_path}/layout"
    image = f"{layout}:v1"
    run_tool("umoci", "init", "--layout", layout)
    run_tool("umoci", "new", "--image", image)
    assert complaints(f"ocidir://{image}") == []
    run_tool("umoci", "insert", "--image", image, str(context / "system"), "/")
    run_tool("umoci", "insert", "--image", image, str(context / "files"), "/srv")
    assert complaints(f"ocidir://{image}") == []
    run_tool("umoci", "unpack", "--image", image, f"{tmp_path}/bundle")
    (tmp_path / "bundle/rootfs/srv/gone").unlink()
    shutil.rmtree(tmp_path / "bundle/rootfs/srv/sub")
    run_tool("umoci", "repack", "--image", image, f"{tmp_path}/bundle")
    run_tool("umoci", "config", "--image", image, "--config.entrypoint", "/srv/run.sh", "--config.workingdir", "/srv")
    run_tool("umoci", "insert", "--whiteout", "--image", image, "/srv/kept")
    run_tool("umoci", "insert", "--opaque", "--image", image, str(context / "files"), "/srv/new")
    assert complaints(f"ocidir://{image}") == []

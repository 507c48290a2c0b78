"""What we write the real tools read, and what they write we read: layer for layer, through the command line."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.end_to_end import witness
from tests.end_to_end.conftest import Place, Run, skopeo_copy
from tests.end_to_end.images import IMAGE, LAYERS, NET_RAW, OCI_IMAGE, several, write_layout
from tests.peers import DockerDaemon, Podman, Registry, require_root, run_tool

FILTERED = ("-f", "exclude:pattern=etc/motd", "-f", "normalize-timestamps:ts=1000000000")
FILTER_SETS = pytest.mark.parametrize("filters", [(), FILTERED], ids=["as it is", "filtered"])


def process(run: Run, source: str, destination: str, *more: str) -> witness.Seen:
    ran = run("process", source, destination, *more, "--verify-full")
    assert ran.code == 0, ran.err
    seen = witness.look(destination)
    assert seen.is_consistent
    return seen


def same(found: witness.Seen, expected: witness.Seen) -> bool:
    return (found.config, found.layers) == (expected.config, expected.layers)


TRANSPORTS = {"docker": "registry", "oci": "ocidir", "docker-archive": "tar", "oci-archive": "tar-oci"}
"""Skopeo's words, and ours for the same."""


@pytest.mark.peer("skopeo")
class TestSkopeo:
    def reference(self, transport: str, place: Place, name: str) -> tuple[str, str]:
        """One place in skopeo's words, and in ours."""
        ours = place(TRANSPORTS[transport], name)
        target = ours.partition("://")[2].partition("?")[0]
        suffix = ":copied/by:skopeo" if transport.endswith("-archive") else ""
        return f"{transport}:{'//' if transport == 'docker' else ''}{target}{suffix}", ours.partition("?")[0]

    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_writes_what_we_read(self, run: Run, tmp_path: Path, place: Place, transport: str) -> None:
        write_layout(tmp_path / "source", OCI_IMAGE)
        theirs, ours = self.reference(transport, place, "theirs")
        skopeo_copy(f"oci:{tmp_path}/source:v1", theirs)
        for kind in ("ocidir", "tar", "registry", "dir"):
            seen = process(run, ours, place(kind, "read"))
            assert seen.layers == LAYERS
            assert seen.config == OCI_IMAGE.config.raw

    @FILTER_SETS
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_reads_what_we_write(
        self, run: Run, tmp_path: Path, layout: str, place: Place, transport: str, filters: tuple[str, ...]
    ) -> None:
        written = process(run, layout, place(TRANSPORTS[transport]), *filters)
        theirs = self.reference(transport, place, "out")[0].removesuffix(":copied/by:skopeo")
        skopeo_copy(theirs, f"oci:{tmp_path}/read:v1")
        assert witness.in_layout(tmp_path / "read", "v1").layers == written.layers

    def test_copies_our_whole_index_and_we_read_its_copy(self, run: Run, tmp_path: Path, place: Place) -> None:
        index = several()
        source = write_layout(tmp_path / "source", index)
        assert run("process", source, place("registry"), "--all-platforms").code == 0
        theirs, ours = self.reference("docker", place, "copied")
        skopeo_copy("docker://" + place("registry").removeprefix("registry://"), theirs, "--all")
        assert run("process", ours, f"ocidir://{tmp_path}/back:v1", "--all-platforms", "--verify-full").code == 0
        assert witness.named(tmp_path / "back", "v1")["digest"] == str(index.root.digest)


@pytest.mark.peer("docker")
@FILTER_SETS
def test_docker_loads_saves_pulls_and_pushes(
    run: Run,
    tmp_path: Path,
    layout: str,
    place: Place,
    registry: Registry,
    dockerd: DockerDaemon,
    filters: tuple[str, ...],
) -> None:
    written = process(run, layout, f"tar://{tmp_path}/ours.tar?name=example.com/ours:v1", *filters)
    identity = witness.sha256(written.config)

    dockerd.run("load", "--input", f"{tmp_path}/ours.tar")
    (inspected,) = json.loads(dockerd.run("inspect", "example.com/ours:v1"))
    assert (inspected["Id"], inspected["RootFS"]["Layers"]) == (identity, written.diff_ids)

    dockerd.run("save", "--output", f"{tmp_path}/saved.tar", "example.com/ours:v1")
    assert same(process(run, f"tar://{tmp_path}/saved.tar", place("registry", "saved")), written)

    dockerd.run("rmi", "--force", identity)
    pulled = place("registry", "saved").removeprefix("registry://")
    dockerd.run("pull", "--quiet", pulled)
    (inspected,) = json.loads(dockerd.run("inspect", pulled))
    assert (inspected["Id"], inspected["RootFS"]["Layers"]) == (identity, written.diff_ids)

    pushed = f"{registry.host}/{registry.fresh('docker')}:v1"
    dockerd.run("tag", pulled, pushed)
    dockerd.run("push", "--quiet", pushed)
    for kind in ("ocidir", "dir", "tar"):
        assert same(process(run, f"registry://{pushed}", place(kind, "pushed")), written)
    dockerd.run("rmi", "--force", identity)


@pytest.mark.peer("podman")
@FILTER_SETS
def test_podman_loads_saves_pulls_and_pushes(
    run: Run,
    tmp_path: Path,
    layout: str,
    place: Place,
    registry: Registry,
    podman: Podman,
    filters: tuple[str, ...],
) -> None:
    written = process(run, layout, place("registry", "ours"), *filters)
    identity = witness.sha256(written.config)
    pulled = place("registry", "ours").removeprefix("registry://")

    def inspected(name: str) -> tuple[str, list[str]]:
        (found,) = json.loads(podman.run("image", "inspect", name))
        return f"sha256:{found['Id']}", found["RootFS"]["Layers"]

    podman.run("pull", "--quiet", "--tls-verify=false", pulled)
    assert inspected(pulled) == (identity, written.diff_ids)

    pushed = f"{registry.host}/{registry.fresh('podman')}:v1"
    podman.run("push", "--quiet", "--tls-verify=false", pulled, f"docker://{pushed}")
    assert process(run, f"registry://{pushed}", place("ocidir", "pushed")).layers == written.layers

    for position, form in enumerate(("docker-archive", "oci-archive")):
        podman.run("save", "--quiet", "--format", form, "--output", f"{tmp_path}/{form}.tar", pulled)
        back = process(run, f"tar://{tmp_path}/{form}.tar", place(("tar", "tar-oci")[position], "back"))
        assert back.layers == written.layers
        podman.run("rmi", "--force", identity)
        podman.run("load", "--quiet", "--input", str(tmp_path / ("back.tar", "back-oci.tar")[position]))
        assert inspected(pulled)[1] == written.diff_ids


@pytest.mark.peer("umoci")
class TestUmoci:
    def test_unpacks_what_we_write(self, run: Run, tmp_path: Path, layout: str) -> None:
        require_root("umoci, to make device nodes,")
        process(run, layout, f"ocidir://{tmp_path}/ours:v1", *FILTERED)
        run_tool("umoci", "unpack", "--image", f"{tmp_path}/ours:v1", str(tmp_path / "bundle"))
        rootfs = tmp_path / "bundle" / "rootfs"
        found = sorted(str(path.relative_to(rootfs)) for path in rootfs.rglob("*") if not path.is_dir())
        assert found == sorted(
            [
                "a/" + "long" * 50, "bin/ping", "etc/again", "etc/gone", "etc/link", "etc/new",
                "usr/null", "usr/pipe", "usr/share/data", "usr/share/größe",
            ]
        )  # fmt: skip
        assert (rootfs / "etc/again").read_text() == "hello\n", "the link took over what it linked to"
        assert (rootfs / "bin/ping").stat().st_mode & 0o7777 == 0o4755
        assert (rootfs / "bin/ping").stat().st_mtime == 1_000_000_000
        assert os.getxattr(rootfs / "bin/ping", "security.capability")[:4] == NET_RAW[:4]

    def test_writes_what_we_read(self, run: Run, tmp_path: Path, place: Place) -> None:
        require_root("umoci without a user namespace")
        layout = tmp_path / "theirs"
        write_layout(layout, OCI_IMAGE)
        run_tool("umoci", "unpack", "--image", f"{layout}:v1", str(tmp_path / "bundle"))
        (tmp_path / "bundle/rootfs/etc/more").write_text("more\n")
        (tmp_path / "bundle/rootfs/etc/new").unlink()
        run_tool("umoci", "repack", "--image", f"{layout}:v2", str(tmp_path / "bundle"))
        for kind in ("registry", "tar", "tar-oci", "dir"):
            seen = process(run, f"ocidir://{layout}:v2", place(kind))
            assert seen.layers[:-1] == LAYERS
            assert {"etc/.wh.new", "etc/more"} <= set(seen.names(-1))


@pytest.mark.peer("buildah")
def test_buildah_builds_on_ours_and_we_read_what_it_builds(
    run: Run, tmp_path: Path, place: Place, registry: Registry
) -> None:
    require_root("buildah without a user namespace")
    written = process(run, f"ocidir://{write_source(tmp_path)}:v1", place("tar-oci", "ours"), *FILTERED)
    store = ("buildah", "--root", f"{tmp_path}/root", "--runroot", f"{tmp_path}/run", "--storage-driver", "vfs")
    name = run_tool(*store, "from", "--quiet", f"oci-archive:{tmp_path}/ours-oci.tar").strip()
    (tmp_path / "added").write_text("added\n")
    run_tool(*store, "copy", "--quiet", name, str(tmp_path / "added"), "/added")
    pushed = f"{registry.host}/{registry.fresh('buildah')}:v1"
    for target, source in (
        (f"oci:{tmp_path}/built:v1", f"ocidir://{tmp_path}/built:v1"),
        (f"docker-archive:{tmp_path}/built.tar:built:v1", f"tar://{tmp_path}/built.tar"),
        (f"docker://{pushed}", f"registry://{pushed}"),
    ):
        run_tool(*store, "commit", "--quiet", "--tls-verify=false", "--disable-compression=false", name, target)
        seen = process(run, source, place("tar", "built-again"))
        assert seen.layers[: len(LAYERS)] == written.layers
        assert seen.names(-1) == ["added"]


def write_source(tmp_path: Path) -> Path:
    write_layout(tmp_path / "source", OCI_IMAGE)
    return tmp_path / "source"


@pytest.mark.peer("oci-image-tool")
@FILTER_SETS
def test_the_reference_tool_finds_our_layouts_valid(
    run: Run, tmp_path: Path, layout: str, filters: tuple[str, ...]
) -> None:
    process(run, layout, f"ocidir://{tmp_path}/ours:v1", *filters)
    run_tool("oci-image-tool", "validate", "--type", "image", "--ref", "name=v1", f"{tmp_path}/ours")


def test_pythons_tarfile_reads_what_we_write(run: Run, tmp_path: Path, layout: str) -> None:
    process(run, layout, f"tar://{tmp_path}/ours.tar", *FILTERED)
    with tarfile.open(tmp_path / "ours.tar") as archive:
        assert all(member.mtime == 0 and member.mode in (0o644, 0o755) for member in archive)


def test_docker_save_keeps_its_name(run: Run, tmp_path: Path, layout: str) -> None:
    """Registry, namespace and tag: the old tool kept the last part only."""
    process(run, layout, f"tar://{tmp_path}/a.tar?name=quay.io/team/app:1.2")
    process(run, f"tar://{tmp_path}/a.tar", f"tar://{tmp_path}/b.tar")
    with tarfile.open(tmp_path / "b.tar") as archive:
        listed = archive.extractfile("manifest.json")
        assert listed is not None
        assert json.loads(listed.read())[0]["RepoTags"] == ["quay.io/team/app:1.2"]
    assert witness.in_archive(tmp_path / "b.tar").config == IMAGE.config.raw

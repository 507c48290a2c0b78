"""skopeo, umoci and podman read what we write, and we read what they write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.model.digest import Digest
from occystrap_core.model.image import Image, ImageName
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    BuiltImage,
    build_image,
    build_index,
    directory,
    layer_tar,
    symlink,
    whiteout,
)
from tests.ocidir.moves import move, read_everything, source, tree_of
from tests.peers import Podman, run_tool

BASE = layer_tar(directory("etc"), ("etc/motd", "hello"), ("etc/gone", "soon"), symlink("motd", "etc/motd"))
TOP = layer_tar(("etc/new", "new"), whiteout("etc/gone"))


def image(family: Family = Family.OCI, compression: Compression = Compression.GZIP, **more: Any) -> BuiltImage:
    return build_image([BASE, TOP], family=family, compression=compression, **more)


def layer_digests(uri: str) -> list[str]:
    tree = tree_of(uri)
    assert isinstance(tree, Image)
    return [str(layer.descriptor.digest) for layer in tree.layers]


@pytest.mark.peer("skopeo")
class TestSkopeo:
    @pytest.mark.parametrize("compression", list(Compression))
    @pytest.mark.parametrize("family", list(Family))
    def test_reads_what_we_write(self, tmp_path: Path, family: Family, compression: Compression) -> None:
        move(image(family, compression), f"ocidir://{tmp_path}/out:v1")
        seen = json.loads(run_tool("skopeo", "inspect", f"oci:{tmp_path}/out:v1"))
        assert seen["Layers"] == layer_digests(f"ocidir://{tmp_path}/out:v1")
        run_tool("skopeo", "--insecure-policy", "copy", f"oci:{tmp_path}/out:v1", f"dir:{tmp_path}/copied")

    def test_reads_each_of_several_images(self, tmp_path: Path) -> None:
        for tag in ("v1", "v2"):
            move(build_image([layer_tar(("tag", tag))], family=Family.OCI), f"ocidir://{tmp_path}/out:{tag}")
        for tag in ("v1", "v2"):
            raw = run_tool("skopeo", "inspect", "--raw", f"oci:{tmp_path}/out:{tag}")
            assert Digest.of(raw.encode()) == source(f"ocidir://{tmp_path}/out:{tag}").root().digest

    def test_reads_a_whole_index(self, tmp_path: Path) -> None:
        arm = build_image([TOP], family=Family.OCI, platform=Platform("linux", "arm64"))
        index = build_index([image(), arm])
        move(index, f"ocidir://{tmp_path}/out:v1")
        run_tool("skopeo", "--insecure-policy", "copy", "--all", f"oci:{tmp_path}/out:v1", f"oci:{tmp_path}/copied:v1")
        assert source(f"ocidir://{tmp_path}/copied:v1").root().digest == index.root.digest

    def test_writes_what_we_read_and_the_way_back_changes_nothing(self, tmp_path: Path) -> None:
        built = image()
        move(built, f"ocidir://{tmp_path}/ours:v1")
        run_tool("skopeo", "--insecure-policy", "copy", f"oci:{tmp_path}/ours:v1", f"oci:{tmp_path}/theirs:v2")
        assert source(f"ocidir://{tmp_path}/theirs").root().digest == built.root.digest
        assert read_everything(f"ocidir://{tmp_path}/theirs:v2") == {str(k): v for k, v in built.blobs.items()}

    def test_adds_to_a_layout_of_ours_and_we_to_one_of_theirs(self, tmp_path: Path) -> None:
        move(image(), f"ocidir://{tmp_path}/out:ours")
        run_tool("skopeo", "--insecure-policy", "copy", f"oci:{tmp_path}/out:ours", f"oci:{tmp_path}/out:theirs")
        move(build_image([TOP], family=Family.OCI), f"ocidir://{tmp_path}/out:again")
        for tag in ("ours", "theirs", "again"):
            assert read_everything(f"ocidir://{tmp_path}/out:{tag}")
            run_tool("skopeo", "inspect", f"oci:{tmp_path}/out:{tag}")


@pytest.mark.peer("umoci")
class TestUmoci:
    def test_lists_and_unpacks_what_we_write(self, tmp_path: Path) -> None:
        move(image(), f"ocidir://{tmp_path}/out:v1")
        assert run_tool("umoci", "ls", "--layout", f"{tmp_path}/out").split() == ["v1"]
        assert "COPY layer1" in run_tool("umoci", "stat", "--image", f"{tmp_path}/out:v1")
        run_tool("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/out:v1", f"{tmp_path}/bundle")
        rootfs = tmp_path / "bundle/rootfs"
        assert sorted(path.name for path in (rootfs / "etc").iterdir()) == ["motd", "new"]
        assert (rootfs / "motd").readlink() == Path("etc/motd")

    def test_collects_no_garbage_behind_us(self, tmp_path: Path) -> None:
        move(image(), f"ocidir://{tmp_path}/out:v1")
        before = sorted((tmp_path / "out/blobs/sha256").iterdir())
        run_tool("umoci", "gc", "--layout", f"{tmp_path}/out")
        assert sorted((tmp_path / "out/blobs/sha256").iterdir()) == before

    def test_writes_what_we_read(self, tmp_path: Path) -> None:
        layout = f"{tmp_path}/theirs"
        run_tool("umoci", "init", "--layout", layout)
        run_tool("umoci", "new", "--image", f"{layout}:v1")
        (tmp_path / "file").write_text("content")
        run_tool("umoci", "insert", "--rootless", "--image", f"{layout}:v1", f"{tmp_path}/file", "/file")
        tree = tree_of(f"ocidir://{layout}:v1")
        assert isinstance(tree, Image) and len(tree.layers) == 1
        assert read_everything(f"ocidir://{layout}:v1")
        assert move(f"ocidir://{layout}:v1", f"ocidir://{tmp_path}/ours:v1").findings == ()
        assert source(f"ocidir://{tmp_path}/ours:v1").root().digest == tree.descriptor.digest


class TestPodman:
    def test_pulls_what_we_write(self, tmp_path: Path, podman: Podman) -> None:
        move(image(), f"ocidir://{tmp_path}/out:v1")
        pulled = podman.run("pull", "--quiet", f"oci:{tmp_path}/out:v1").strip()
        inspected = json.loads(podman.run("inspect", "--type", "image", pulled))[0]
        assert inspected["RootFS"]["Layers"] == [str(Digest.of(BASE)), str(Digest.of(TOP))]

    def test_saves_what_we_read(self, tmp_path: Path, podman: Podman) -> None:
        move(image(), f"ocidir://{tmp_path}/out:v1")
        pulled = podman.run("pull", "--quiet", f"oci:{tmp_path}/out:v1").strip()
        podman.run("tag", pulled, "localhost/team/app:v7")
        podman.run("save", "--quiet", "--format", "oci-dir", "-o", f"{tmp_path}/saved", "localhost/team/app:v7")
        tree = tree_of(f"ocidir://{tmp_path}/saved")
        assert isinstance(tree, Image)
        assert [str(layer.diff_id) for layer in tree.layers] == [str(Digest.of(BASE)), str(Digest.of(TOP))]
        assert read_everything(f"ocidir://{tmp_path}/saved")
        assert source(f"ocidir://{tmp_path}/saved").name() == ImageName("localhost/team/app", "v7")

"""Reading directories back: ours, those of the previous tool, unpacked archives, and hostile ones."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import DigestMismatch, InvalidImage, NotFound, OccystrapError, UsageError
from occystrap_core.model.image import Image, ImageName
from occystrap_core.model.media_types import DOCKER_LAYER, DOCKER_MANIFEST, Family
from occystrap_core.testing.build import BuiltImage, build_image, layer_tar
from occystrap_core.testing.memory import MemoryInput
from tests.ocidir.moves import move, read_everything, source, tree_of
from tests.peers import Podman

FIRST, SECOND = layer_tar(("a", "first")), layer_tar(("b", "second"))


@pytest.fixture
def image() -> BuiltImage:
    return build_image([FIRST, SECOND])


def store(image: BuiltImage, uri: str, name: str = "app", tag: str = "v1") -> None:
    move(MemoryInput(image, name=ImageName(name, tag)), uri)


def as_the_previous_tool_wrote(
    directory: Path, image: BuiltImage, tags: Sequence[str], catalog: dict[str, dict[str, str]], file: str
) -> None:
    """The config written anew under the digest it had, layers under the digests of their compressed form."""
    directory.mkdir(exist_ok=True)
    config = f"{image.config.digest.hex}.json"
    (directory / config).write_text(json.dumps(image.config.json, indent=4, sort_keys=True))
    for layer in image.layers:
        folder = directory / layer.descriptor.digest.hex
        folder.mkdir(exist_ok=True)
        (folder / "layer.tar").write_bytes(layer.tar)
    layers = [f"{layer.descriptor.digest.hex}/layer.tar" for layer in image.layers]
    (directory / file).write_text(json.dumps([{"Config": config, "Layers": layers, "RepoTags": list(tags)}]))
    (directory / "catalog.json").write_text(json.dumps(catalog))


def layers_of(uri: str) -> list[bytes]:
    tree = tree_of(uri)
    assert isinstance(tree, Image)
    blobs = read_everything(uri)
    return [blobs[str(layer.descriptor.digest)] for layer in tree.layers]


class TestOurOwn:
    def test_config_and_layers_come_back_byte_for_byte(self, tmp_path: Path, image: BuiltImage) -> None:
        store(image, f"dir://{tmp_path}/out")
        tree = tree_of(f"dir://{tmp_path}/out")
        assert isinstance(tree, Image)
        assert tree.config.raw == image.config.raw
        assert layers_of(f"dir://{tmp_path}/out") == [FIRST, SECOND]

    def test_it_is_an_image_of_docker_with_uncompressed_layers(self, tmp_path: Path, image: BuiltImage) -> None:
        store(image, f"dir://{tmp_path}/out")
        opened, tree = source(f"dir://{tmp_path}/out"), tree_of(f"dir://{tmp_path}/out")
        assert isinstance(tree, Image)
        assert opened.root().media_type == DOCKER_MANIFEST
        assert [layer.descriptor.media_type for layer in tree.layers] == [DOCKER_LAYER, DOCKER_LAYER]
        assert [layer.descriptor.digest for layer in tree.layers] == [layer.diff_id for layer in tree.layers]
        assert opened.traits.unpacked

    def test_an_image_goes_through_a_directory_without_a_change(self, tmp_path: Path) -> None:
        image = build_image([FIRST, SECOND], family=Family.OCI)
        store(image, f"dir://{tmp_path}/one")
        move(f"dir://{tmp_path}/one", f"dir://{tmp_path}/two")
        for file in (tmp_path / "one").rglob("*"):
            if file.is_file():
                assert (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes() == file.read_bytes()

    def test_a_registrys_image_keeps_its_name(self, tmp_path: Path, image: BuiltImage) -> None:
        name = ImageName("quay.io/team/app", "v1")
        move(MemoryInput(image, name=name, origin=("quay.io", "team/app")), f"dir://{tmp_path}/out")
        assert source(f"dir://{tmp_path}/out").name() == name
        for ref in ("team/app:v1", "quay.io/team/app:v1", "manifest.json"):
            assert source(f"dir://{tmp_path}/out?ref={ref}").name() == name

    def test_one_of_several_is_chosen_by_name(self, tmp_path: Path, image: BuiltImage) -> None:
        store(image, f"dir://{tmp_path}/out?unique_names=true")
        store(build_image([SECOND]), f"dir://{tmp_path}/out?unique_names=true", tag="v2")
        assert layers_of(f"dir://{tmp_path}/out?ref=app:v1") == [FIRST, SECOND]
        assert layers_of(f"dir://{tmp_path}/out?ref=app:v2") == [SECOND]

    def test_and_not_guessed(self, tmp_path: Path, image: BuiltImage) -> None:
        store(image, f"dir://{tmp_path}/out?unique_names=true")
        store(build_image([SECOND]), f"dir://{tmp_path}/out?unique_names=true", tag="v2")
        with pytest.raises(UsageError, match="holds 2 images") as several:
            source(f"dir://{tmp_path}/out")
        with pytest.raises(NotFound, match="no image 'app:v3'") as unknown:
            source(f"dir://{tmp_path}/out?ref=app:v3")
        for error in (several, unknown):
            assert "app:v1, app:v2" in error.value.hint

    def test_one_image_under_two_names_is_one_image(self, tmp_path: Path, image: BuiltImage) -> None:
        for tag in ("v1", "v2"):
            store(image, f"dir://{tmp_path}/out?unique_names=true", tag=tag)
        store(image, f"dir://{tmp_path}/out", tag="v3")
        assert layers_of(f"dir://{tmp_path}/out") == [FIRST, SECOND]


class TestThePreviousTool:
    def test_names_that_are_no_digests_of_their_content(self, tmp_path: Path, image: BuiltImage) -> None:
        catalog = {"team/app": {"v1": "manifest.json"}}
        as_the_previous_tool_wrote(tmp_path / "old", image, ["app:v1"], catalog, "manifest.json")
        uri = f"dir://{tmp_path}/old"
        assert layers_of(uri) == [FIRST, SECOND]
        assert source(uri).name() == ImageName("team/app", "v1")
        assert move(uri, f"ocidir://{tmp_path}/out").findings == ()

    def test_a_catalog_that_still_lists_what_was_replaced(self, tmp_path: Path, image: BuiltImage) -> None:
        catalog = {"team/app": {"v1": "manifest.json", "v2": "manifest.json"}}
        as_the_previous_tool_wrote(tmp_path / "old", image, ["app:v2"], catalog, "manifest.json")
        assert source(f"dir://{tmp_path}/old").name() == ImageName("team/app", "v2")
        with pytest.raises(NotFound, match="no image 'team/app:v1'"):
            source(f"dir://{tmp_path}/old?ref=team/app:v1")

    def test_unique_names(self, tmp_path: Path, image: BuiltImage) -> None:
        catalog = {"team/app": {"v1": "manifest-team_app-v1.json", "v2": "manifest-team_app-v2.json"}}
        other = build_image([SECOND])
        as_the_previous_tool_wrote(tmp_path / "old", image, ["app:v1"], catalog, "manifest-team_app-v1.json")
        as_the_previous_tool_wrote(tmp_path / "old", other, ["app:v2"], catalog, "manifest-team_app-v2.json")
        assert layers_of(f"dir://{tmp_path}/old?ref=team/app:v1") == [FIRST, SECOND]
        assert layers_of(f"dir://{tmp_path}/old?ref=app:v2") == [SECOND]

    def test_we_add_to_it_and_mend_the_config(self, tmp_path: Path, image: BuiltImage) -> None:
        catalog = {"app": {"v1": "manifest-app-v1.json"}}
        as_the_previous_tool_wrote(tmp_path / "old", image, ["app:v1"], catalog, "manifest-app-v1.json")
        store(image, f"dir://{tmp_path}/old?unique_names=true")
        assert (tmp_path / "old" / f"{image.config.digest.hex}.json").read_bytes() == image.config.raw
        assert layers_of(f"dir://{tmp_path}/old?ref=app:v1") == [FIRST, SECOND]


class TestUnpackedArchives:
    def test_what_podman_saves(self, tmp_path: Path, image: BuiltImage, podman: Podman) -> None:
        move(image, f"ocidir://{tmp_path}/layout")
        pulled = podman.run("pull", "--quiet", f"oci:{tmp_path}/layout:latest").strip()
        podman.run("tag", pulled, "localhost/team/app:v7")
        archive = tmp_path / "saved.tar"
        podman.run("save", "--quiet", "--format", "docker-archive", "-o", str(archive), "localhost/team/app:v7")
        with tarfile.open(archive) as tar:
            members = [member for member in tar.getmembers() if member.isfile()]
            tar.extractall(tmp_path / "saved", members, filter="data")
        assert layers_of(f"dir://{tmp_path}/saved") == [FIRST, SECOND]
        assert source(f"dir://{tmp_path}/saved").name() == ImageName("localhost/team/app", "v7")

    def test_compressed_layers_and_lower_case_keys(self, tmp_path: Path, image: BuiltImage) -> None:
        (tmp_path / "config.json").write_bytes(image.config.raw)
        packed = gzip.compress(FIRST)
        (tmp_path / "one.tar.gz").write_bytes(packed)
        (tmp_path / "two.tar").write_bytes(SECOND)
        entry = {"config": "./config.json", "layers": ["one.tar.gz", "./two.tar"], "repoTags": ["app:v1"]}
        (tmp_path / "manifest.json").write_text(json.dumps([entry]))
        tree = tree_of(f"dir://{tmp_path}")
        assert isinstance(tree, Image)
        assert [layer.descriptor.media_type for layer in tree.layers] == [f"{DOCKER_LAYER}.gzip", DOCKER_LAYER]
        assert layers_of(f"dir://{tmp_path}") == [packed, SECOND]

    def test_without_a_name(self, tmp_path: Path, image: BuiltImage) -> None:
        hand_made(tmp_path, image)
        assert source(f"dir://{tmp_path}").name() == ImageName("unknown", "unknown")


def hand_made(directory: Path, image: BuiltImage, **fields: object) -> None:
    (directory / "config.json").write_bytes(image.config.raw)
    (directory / "one.tar").write_bytes(FIRST)
    (directory / "two.tar").write_bytes(SECOND)
    entry = {"Config": "config.json", "Layers": ["one.tar", "two.tar"], "RepoTags": None, **fields}
    (directory / "manifest.json").write_text(json.dumps([entry]))


class TestBadDirectories:
    def test_no_such_directory(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="does not exist"):
            source(f"dir://{tmp_path}/nowhere")

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(NotFound, match="not a directory"):
            source(f"dir://{tmp_path}/file")

    def test_an_empty_directory(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="holds no image"):
            source(f"dir://{tmp_path}")

    def test_a_layout_is_pointed_to_its_scheme(self, tmp_path: Path, image: BuiltImage) -> None:
        move(image, f"ocidir://{tmp_path}/out")
        with pytest.raises(NotFound) as error:
            source(f"dir://{tmp_path}/out")
        assert "ocidir://" in error.value.hint

    @pytest.mark.parametrize("name", ["../precious", "/etc/passwd", "a/../../precious", "..", "a\0b", ""])
    @pytest.mark.parametrize("field", ["Config", "Layers"])
    def test_names_do_not_lead_out(self, tmp_path: Path, image: BuiltImage, field: str, name: str) -> None:
        inside = tmp_path / "inside"
        inside.mkdir()
        (tmp_path / "precious").write_bytes(image.config.raw if field == "Config" else FIRST)
        hand_made(inside, image, **{field: name if field == "Config" else [name, "two.tar"]})
        with pytest.raises(OccystrapError):
            source(f"dir://{inside}")

    @pytest.mark.parametrize("file", ["config.json", "one.tar", "manifest.json"])
    def test_links_are_not_followed(self, tmp_path: Path, image: BuiltImage, file: str) -> None:
        hand_made(tmp_path, image)
        (tmp_path / file).rename(tmp_path / "real")
        (tmp_path / file).symlink_to("real")
        with pytest.raises(InvalidImage, match="which is a link"):
            source(f"dir://{tmp_path}")

    def test_a_catalog_does_not_lead_out(self, tmp_path: Path, image: BuiltImage) -> None:
        hand_made(tmp_path, image)
        (tmp_path / "catalog.json").write_text('{"app": {"v1": "../manifest.json"}}')
        with pytest.raises(InvalidImage, match="inside the directory"):
            source(f"dir://{tmp_path}")

    def test_a_pipe_in_the_place_of_a_layer_is_no_trap(self, tmp_path: Path, image: BuiltImage) -> None:
        hand_made(tmp_path, image)
        (tmp_path / "one.tar").unlink()
        os.mkfifo(tmp_path / "one.tar")
        with pytest.raises(InvalidImage, match="not a regular file"):
            source(f"dir://{tmp_path}")

    def test_a_missing_layer(self, tmp_path: Path, image: BuiltImage) -> None:
        hand_made(tmp_path, image)
        (tmp_path / "two.tar").unlink()
        with pytest.raises(NotFound, match=r"two\.tar does not exist"):
            source(f"dir://{tmp_path}")

    def test_more_layers_than_diff_ids(self, tmp_path: Path, image: BuiltImage) -> None:
        hand_made(tmp_path, image, Layers=["one.tar"])
        with pytest.raises(InvalidImage, match="lists 1 layers, the config 2 diff_ids"):
            source(f"dir://{tmp_path}")

    @pytest.mark.parametrize("manifest", ["null", "[]", "{}", "[1]", '[{"Layers": []}]', "{", '[{"Config": "c"}]'])
    def test_a_manifest_that_is_none(self, tmp_path: Path, manifest: str) -> None:
        (tmp_path / "manifest.json").write_text(manifest)
        with pytest.raises(OccystrapError):
            source(f"dir://{tmp_path}")

    def test_other_content_than_the_config_says_is_found_when_it_is_read(
        self, tmp_path: Path, image: BuiltImage
    ) -> None:
        hand_made(tmp_path, image)
        (tmp_path / "one.tar").write_bytes(bytes(len(FIRST)))
        with pytest.raises(DigestMismatch):
            move(f"dir://{tmp_path}", f"ocidir://{tmp_path}/out")
        assert not (tmp_path / "out").exists()


def test_digests_are_those_of_the_uncompressed_layers(tmp_path: Path, image: BuiltImage) -> None:
    hand_made(tmp_path, image)
    assert set(read_everything(f"dir://{tmp_path}")) == {str(Digest.of(FIRST)), str(Digest.of(SECOND))}

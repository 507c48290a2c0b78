"""Several images, or names, in one archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from occystrap_core.kit.docker_archive.archive import Archive
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import NotFound
from occystrap_core.model.media_types import Family
from occystrap_core.testing.build import build_image
from tests.tar_archive.archives import (
    LAYER,
    OTHER_LAYER,
    config_of,
    index_json,
    layout_members,
    manifest_json,
    opened,
    read_back,
    saved,
    write_archive,
    write_saved,
)


@pytest.fixture
def two_images(tmp_path: Path) -> Path:
    return write_archive(
        tmp_path / "two.tar",
        ("a.json", config_of(LAYER)),
        ("b.json", config_of(LAYER, OTHER_LAYER)),
        ("one", LAYER),
        ("two", OTHER_LAYER),
        manifest_json(
            saved("a.json", ["one"], ["busybox:latest", "quay.io/a/b:7"]), saved("b.json", ["one", "two"], ["1:x"])
        ),
    )


def test_a_config_of_many_images_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [saved("a.json", ["one"], [f"app:{number}"]) for number in range(50)]
    path = write_archive(tmp_path / "many.tar", ("a.json", config_of(LAYER)), ("one", LAYER), manifest_json(*images))
    read = []
    original = Archive.required
    monkeypatch.setattr(Archive, "required", lambda self, *given: read.append(given) or original(self, *given))
    with pytest.raises(NotFound):
        read_back(path, str(Digest.of(b"none of them")))
    assert len(read) <= 3


@pytest.mark.parametrize(
    ("ref", "layers", "name"),
    [
        ("", 1, "busybox:latest"),
        ("0", 1, "busybox:latest"),
        ("1", 2, "1:x"),
        ("@1", 2, "1:x"),
        ("1:x", 2, "1:x"),
        ("busybox", 1, "busybox:latest"),
        ("docker.io/library/busybox:latest", 1, "busybox:latest"),
        ("quay.io/a/b:7", 1, "quay.io/a/b:7"),
        (str(Digest.of(config_of(LAYER, OTHER_LAYER))), 2, "1:x"),
    ],
)
def test_by_name_position_or_image_id(two_images: Path, ref: str, layers: int, name: str) -> None:
    image = read_back(two_images, ref)
    assert (len(image.layers), image.name) == (layers, name)


@pytest.mark.parametrize(
    "ref", ["2", "-1", "@2", "999999999999999999999", "nobody", "busybox:2", "sha256:" + "0" * 64, "²"]
)
def test_what_is_not_there_is_an_error_that_lists_what_is(two_images: Path, ref: str) -> None:
    with pytest.raises(NotFound, match="0: busybox:latest quay.io/a/b:7, 1: 1:x"):
        opened(two_images, ref)


def test_without_a_choice_the_first_is_read_and_the_others_are_named(two_images: Path) -> None:
    source = opened(two_images)
    assert source.notes() == (
        f"{two_images} holds 2 images, 0: busybox:latest quay.io/a/b:7, 1: 1:x: "
        "the first is read, ?ref= chooses another",
    )
    source.close()


def test_a_choice_leaves_nothing_to_say(two_images: Path) -> None:
    source = opened(two_images, "0")
    assert source.notes() == ()
    source.close()


def test_an_image_of_several_names_goes_by_the_first(tmp_path: Path) -> None:
    source = opened(write_saved(tmp_path / "image.tar", LAYER, tags=["a:1", "b:2"]))
    assert str(source.name()) == "a:1"
    assert "a:1 b:2" in source.notes()[0]
    source.close()


def test_a_broken_image_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    path = write_archive(
        tmp_path / "two.tar",
        ("b.json", config_of(LAYER)),
        ("one", LAYER),
        manifest_json(saved("missing.json", ["missing"], ["a:1"]), saved("b.json", ["one"], ["b:1"])),
    )
    assert read_back(path, "b:1").layers == (LAYER,)


def test_images_of_an_oci_archive_are_chosen_the_same_way(tmp_path: Path) -> None:
    one = build_image([LAYER], family=Family.OCI)
    two = build_image([LAYER, OTHER_LAYER], family=Family.OCI)
    key = "org.opencontainers.image.ref.name"
    index = index_json((one, {key: "1.0"}), (two, {key: "example.com/two:2"}), (two, {key: "also-two"}))
    path = write_archive(tmp_path / "two.tar", *layout_members(one), *layout_members(two)[1:], index)

    assert read_back(path).layers == (LAYER,)
    for ref in ("1", "example.com/two:2", "also-two", str(two.root.digest)):
        assert read_back(path, ref).root == str(two.root.digest)
    source = opened(path)
    assert "holds 2 images, 0: 1.0, 1: example.com/two:2 also-two" in source.notes()[0]
    source.close()

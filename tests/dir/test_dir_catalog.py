"""The catalog of a directory, and the names of manifest files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.kit.docker_directory.catalog import Catalog
from occystrap_core.kit.folder.beneath import Folder
from occystrap_core.model.errors import InvalidImage, OccystrapError
from occystrap_core.model.image import ImageName

SOME_NAMES = st.builds(
    ImageName,
    st.text("ab_-/.:", min_size=1, max_size=8),
    st.text("ab_-.", min_size=1, max_size=4),
)


def filled(*names: ImageName) -> Catalog:
    catalog = Catalog()
    for name in names:
        catalog = catalog.with_image(name, catalog.own_file(name))
    return catalog


def test_slashes_become_underscores_as_they_always_did() -> None:
    assert Catalog().own_file(ImageName("team/app", "v1")) == "manifest-team_app-v1.json"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ImageName("a/b", "v1"), ImageName("a_b", "v1")),
        (ImageName("a-b", "c"), ImageName("a", "b-c")),
        (ImageName("a/b", "v1"), ImageName("a b", "v1")),
    ],
)
def test_names_that_look_alike_get_files_of_their_own(one: ImageName, other: ImageName) -> None:
    catalog = filled(one, other)
    assert catalog.file_of(one) != catalog.file_of(other)
    assert catalog.own_file(one) == catalog.file_of(one)
    assert catalog.own_file(other) == catalog.file_of(other)


@given(st.lists(SOME_NAMES, unique=True, max_size=12))
def test_no_two_images_share_a_file(names: list[ImageName]) -> None:
    catalog = filled(*names)
    assert len(set(catalog.names().values())) == len(names)
    assert set(catalog.names()) == set(names)


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=128))
def test_a_file_name_is_one_whatever_the_image_is_called(repository: str, tag: str) -> None:
    file = Catalog().own_file(ImageName(repository, tag))
    assert file.startswith("manifest-") and file.endswith(".json")
    assert "/" not in file and file.isascii() and file.isprintable() and len(file) <= 255


def test_a_file_that_is_replaced_belongs_to_its_new_image_alone() -> None:
    catalog = (
        Catalog().with_image(ImageName("a", "1"), "manifest.json").with_image(ImageName("b", "1"), "manifest.json")
    )
    assert catalog.names() == {ImageName("b", "1"): "manifest.json"}


def test_people_can_read_it() -> None:
    catalog = filled(ImageName("b", "2"), ImageName("b", "1"), ImageName("a", "1"))
    text = catalog.to_bytes().decode()
    assert text == json.dumps(json.loads(text), indent=4, sort_keys=True)
    assert json.loads(text)["b"] == {"1": "manifest-b-1.json", "2": "manifest-b-2.json"}


def test_no_catalog_is_an_empty_one(tmp_path: Path) -> None:
    assert Catalog.of(Folder(tmp_path)).names() == {}


@pytest.mark.parametrize("content", ["[]", "{", '{"a": "b"}', '{"a": {"b": 1}}', '{"a": null}'])
def test_another_shape_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "catalog.json").write_text(content)
    with pytest.raises(OccystrapError, match=r"catalog\.json"):
        Catalog.of(Folder(tmp_path))


def test_a_catalog_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("{}")
    (tmp_path / "catalog.json").symlink_to("real")
    with pytest.raises(InvalidImage, match="link"):
        Catalog.of(Folder(tmp_path))

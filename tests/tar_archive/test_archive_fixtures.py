"""Every archive that other tools made, in the fixture collection."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.engine.source_tree import read_tree
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.image import Image, images_of
from tests import peers
from tests.tar_archive.archives import EVERYTHING, opened, read_back

_READABLE_WITH_A_NOTE = "source_image_with_empty_layer_history.tar"


def _expectations() -> list[dict[str, Any]]:
    try:
        lines = (peers.fixtures_directory() / "EXPECTED.jsonl").read_text().splitlines()
    except (pytest.skip.Exception, pytest.fail.Exception):
        return []
    found = map(json.loads, lines)
    return [line for line in found if "archive" in line["kind"] or line["kind"] == "?"]


EXPECTED = _expectations()
VALID = [line["path"] for line in EXPECTED if line["expect"] == "valid"]
DEFECTIVE = [line["path"] for line in EXPECTED if line["expect"] == "defect"]


def test_there_are_archives_to_read(fixtures_dir: Path) -> None:
    assert len(VALID) > 25
    assert len(DEFECTIVE) > 4


@pytest.mark.parametrize("path", VALID)
def test_a_valid_archive_gives_its_config_and_layers(fixtures_dir: Path, path: str) -> None:
    """Python's tarfile reads these well enough to say what is inside."""
    config, layer_count = _as_tarfile_reads(fixtures_dir / path)

    image = read_back(fixtures_dir / path)

    assert Digest.of(image.config) == Digest.of(config)
    assert len(image.layers) == layer_count
    assert [str(Digest.of(layer)) for layer in image.layers] == json.loads(config)["rootfs"]["diff_ids"]


@pytest.mark.parametrize("path", [path for path in DEFECTIVE if not path.endswith(_READABLE_WITH_A_NOTE)])
def test_a_defective_archive_is_refused_in_one_sentence(fixtures_dir: Path, path: str) -> None:
    with pytest.raises(InvalidImage) as caught:
        opened(fixtures_dir / path)
    assert "\n" not in str(caught.value)
    assert Path(path).name in str(caught.value)


def test_a_config_under_a_wrong_name_is_read_and_noted(fixtures_dir: Path) -> None:
    """skopeo, crane and docker do not look at the name either."""
    (path,) = [path for path in DEFECTIVE if path.endswith(_READABLE_WITH_A_NOTE)]
    source = opened(fixtures_dir / path)
    assert len(read_back(fixtures_dir / path).layers) == 1
    assert "other content than its name says" in source.notes()[0]
    source.close()


@pytest.mark.parametrize("path", [path for path in VALID if "two-images" in path or "bundle" in path or "link" in path])
def test_every_image_of_an_archive_can_be_chosen(fixtures_dir: Path, path: str) -> None:
    for position, entry in enumerate(_manifest_json(fixtures_dir / path)):
        by_position = read_back(fixtures_dir / path, str(position))
        assert len(by_position.layers) == len(entry["Layers"])
        for tag in entry["RepoTags"]:
            assert read_back(fixtures_dir / path, tag) == by_position


def test_the_unnamed_image_is_called_as_it_always_was(fixtures_dir: Path) -> None:
    (path,) = [path for path in VALID if path.endswith("docker-unnamed.tar.xz")]
    assert read_back(fixtures_dir / path).name == "unknown:unknown"


def test_documents_are_the_bytes_of_the_archive(fixtures_dir: Path) -> None:
    (path,) = [path for path in VALID if path.endswith("oci-registry-name.tar.gz")]
    source = opened(fixtures_dir / path)
    tree, _ = read_tree(source, EVERYTHING)
    (image,) = images_of(tree)
    assert isinstance(image, Image)
    assert str(image.descriptor.digest).startswith("sha256:ff1abe159f09")
    assert str(source.name()) == "example.com/empty:latest"
    source.close()


def _as_tarfile_reads(path: Path) -> tuple[bytes, int]:
    with tarfile.open(path) as archive:
        names = archive.getnames()
        if "manifest.json" in names:
            entry = {key.lower(): value for key, value in _json(archive, "manifest.json")[0].items()}
            return _bytes(archive, entry["config"]), len(entry["layers"])
        manifest = _json(archive, _blob(_json(archive, "index.json")["manifests"][0]["digest"]))
        return _bytes(archive, _blob(manifest["config"]["digest"])), len(manifest["layers"])


def _manifest_json(path: Path) -> list[dict[str, Any]]:
    with tarfile.open(path) as archive:
        found: list[dict[str, Any]] = _json(archive, "manifest.json")
        return found


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _bytes(archive: tarfile.TarFile, name: str) -> bytes:
    body = archive.extractfile(name)
    assert body is not None
    return body.read()


def _json(archive: tarfile.TarFile, name: str) -> Any:
    return json.loads(_bytes(archive, name))

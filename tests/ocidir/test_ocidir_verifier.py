"""The verifier of image layouts: what it finds, at which depth."""

from __future__ import annotations

from pathlib import Path

import pytest

from occystrap_core.contracts.finding import Severity
from occystrap_core.contracts.verifier import Depth, Written
from occystrap_core.model.media_types import Family
from occystrap_core.testing.build import BuiltImage, build_artifact, build_image, build_index, layer_tar
from occystrap_outputs.ocidir.verifier import LayoutVerifier
from tests.ocidir.moves import move, written

BOTH = (Depth.QUICK, Depth.FULL)


@pytest.fixture
def image() -> BuiltImage:
    return build_image([layer_tar(("a", "first")), layer_tar(("b", "second"))], family=Family.OCI)


@pytest.fixture
def result(tmp_path: Path, image: BuiltImage) -> Written:
    return written(image, f"ocidir://{tmp_path}/out:v1")


def found(result: Written, depth: Depth) -> list[tuple[str, Severity]]:
    return [(finding.check, finding.severity) for finding in LayoutVerifier().verify(result, depth)]


def blob(tmp_path: Path, digest: object) -> Path:
    return tmp_path / "out/blobs/sha256" / str(digest).removeprefix("sha256:")


@pytest.mark.parametrize("depth", BOTH)
def test_what_is_right_is_not_worth_a_word(result: Written, depth: Depth) -> None:
    assert found(result, depth) == []


@pytest.mark.parametrize("depth", BOTH)
def test_indexes_and_artifacts_are_right_too(tmp_path: Path, image: BuiltImage, depth: Depth) -> None:
    assert found(written(build_index([image], attest=True), f"ocidir://{tmp_path}/out"), depth) == []
    assert found(written(build_artifact({"text/plain": b"x"}), f"ocidir://{tmp_path}/out"), depth) == []


@pytest.mark.parametrize("depth", BOTH)
def test_a_missing_layer_is_an_error_that_says_where(
    result: Written, tmp_path: Path, image: BuiltImage, depth: Depth
) -> None:
    blob(tmp_path, image.layers[1].descriptor.digest).unlink()
    (finding,) = LayoutVerifier().verify(result, depth)
    assert (finding.check, finding.severity) == ("verify.layer", Severity.ERROR)
    assert (finding.where.manifest, finding.where.layer) == (str(image.root.digest), 1)
    assert "does not exist" in finding.message


def test_only_what_nobody_has_read_back_is_read(result: Written, tmp_path: Path, image: BuiltImage) -> None:
    for layer in image.layers:
        damaged = blob(tmp_path, layer.descriptor.digest)
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    result.read_back.add(image.layers[0].descriptor.digest)
    assert [each.where.layer for each in LayoutVerifier().verify(result, Depth.FULL)] == [1]


@pytest.mark.parametrize("depth", BOTH)
def test_a_shorter_layer_is_an_error(result: Written, tmp_path: Path, image: BuiltImage, depth: Depth) -> None:
    blob(tmp_path, image.layers[0].descriptor.digest).write_bytes(b"short")
    assert found(result, depth) == [("verify.layer", Severity.ERROR)]


def test_other_bytes_of_the_same_size_are_found_at_full_depth(
    result: Written, tmp_path: Path, image: BuiltImage
) -> None:
    layer = image.layers[0]
    blob(tmp_path, layer.descriptor.digest).write_bytes(bytes(len(layer.blob)))
    assert found(result, Depth.QUICK) == []
    assert found(result, Depth.FULL) == [("verify.layer", Severity.ERROR)]


@pytest.mark.parametrize("depth", BOTH)
def test_documents_are_compared_byte_for_byte(result: Written, tmp_path: Path, image: BuiltImage, depth: Depth) -> None:
    for document in (image.config, image.manifest):
        blob(tmp_path, document.digest).write_bytes(document.raw.replace(b"2", b"3"))
    assert found(result, depth) == [("verify.config", Severity.ERROR), ("verify.manifest", Severity.ERROR)]


@pytest.mark.parametrize("depth", BOTH)
def test_the_name_must_lead_to_the_image(result: Written, tmp_path: Path, depth: Depth) -> None:
    move(build_image([layer_tar(("c", "other"))], family=Family.OCI), f"ocidir://{tmp_path}/out:v1")
    (finding,) = LayoutVerifier().verify(result, depth)
    assert (finding.check, finding.severity) == ("verify.ocidir", Severity.ERROR)
    assert "under the name v1" in finding.message


@pytest.mark.parametrize("file", ["index.json", "oci-layout"])
def test_the_layout_must_be_one(result: Written, tmp_path: Path, file: str) -> None:
    (tmp_path / "out" / file).unlink()
    assert found(result, Depth.QUICK) == [("verify.ocidir", Severity.ERROR)]


def test_a_link_in_the_place_of_a_blob_is_an_error(result: Written, tmp_path: Path, image: BuiltImage) -> None:
    path = blob(tmp_path, image.layers[0].descriptor.digest)
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert found(result, Depth.FULL) == [("verify.layer", Severity.ERROR)]

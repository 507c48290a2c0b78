"""OCI archives, and those that are docker-save and OCI at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from occystrap_core.engine.source_tree import read_tree
from occystrap_core.kit.oci_layout.names import blob_file
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import DigestMismatch, InvalidImage, NotFound
from occystrap_core.model.image import Index, images_of
from occystrap_core.model.media_types import OCI_INDEX, Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import BuiltImage, build_artifact, build_image, build_index, symlink
from tests.tar_archive.archives import (
    EVERYTHING,
    LAYER,
    ONE_PLATFORM,
    OTHER_LAYER,
    index_json,
    layout_members,
    manifest_json,
    opened,
    read_back,
    saved,
    write_archive,
    write_layout,
)

REF_NAME, CONTAINERD = "org.opencontainers.image.ref.name", "io.containerd.image.name"


def oci_image(*layers: bytes, compression: Compression = Compression.GZIP, **also: object) -> BuiltImage:
    return build_image(layers, family=Family.OCI, compression=compression, config=also or None)


def write_both(path: Path, image: BuiltImage, *, config: str = "", **notes: str) -> Path:
    """As docker writes since version 25."""
    name = config or blob_file(image.config.digest)
    layers = [blob_file(layer.descriptor.digest) for layer in image.layers]
    listed = manifest_json(saved(name, layers, ["busybox:latest"]))
    return write_archive(path, *layout_members(image), index_json((image, notes)), listed)


@pytest.mark.parametrize("compression", list(Compression))
def test_an_oci_archive_keeps_its_manifest(tmp_path: Path, compression: Compression) -> None:
    image = oci_image(LAYER, OTHER_LAYER, compression=compression)
    read = read_back(write_layout(tmp_path / "image.tar", image))
    assert (read.root, read.config, read.layers) == (str(image.root.digest), image.config.raw, (LAYER, OTHER_LAYER))
    assert read.compressions == (compression, compression)


def test_the_layers_of_an_oci_archive_are_as_its_maker_wanted_them(tmp_path: Path) -> None:
    source = opened(write_layout(tmp_path / "image.tar", oci_image(LAYER, compression=Compression.NONE)))
    assert not source.traits.unpacked
    source.close()


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ({CONTAINERD: "docker.io/library/busybox:1.36", REF_NAME: "1.36"}, "busybox:1.36"),
        ({REF_NAME: "localhost/a:b"}, "localhost/a:b"),
        ({REF_NAME: "1.0"}, "unknown:1.0"),
        ({REF_NAME: "no name at all"}, "unknown:unknown"),
        ({}, "unknown:unknown"),
    ],
)
def test_the_name_comes_from_the_annotations(tmp_path: Path, annotations: dict[str, str], name: str) -> None:
    image = oci_image(LAYER)
    path = write_archive(tmp_path / "image.tar", *layout_members(image), index_json((image, annotations)))
    assert read_back(path).name == name


def test_an_index_for_several_platforms_is_read_as_one(tmp_path: Path) -> None:
    index = build_index(
        [oci_image(LAYER), build_image([OTHER_LAYER], platform=Platform("linux", "arm64"))], attest=True
    )
    source = opened(write_layout(tmp_path / "image.tar", index))
    tree, _ = read_tree(source, EVERYTHING)
    assert isinstance(tree, Index)
    assert tree.descriptor.digest == index.root.digest
    assert len(images_of(tree)) == 4
    source.close()


def test_unnamed_entries_with_platforms_make_index_json_the_index(tmp_path: Path) -> None:
    """As regctl and apko write it."""
    images = [oci_image(LAYER), build_image([OTHER_LAYER], platform=Platform("linux", "arm64"))]
    index = build_index(images)
    path = write_archive(tmp_path / "image.tar", *layout_members(index), ("index.json", index.index.raw))
    source = opened(path)
    assert source.root().digest == index.root.digest
    assert source.root().media_type == OCI_INDEX
    tree, _ = read_tree(source, ONE_PLATFORM)
    assert tree.descriptor.digest == images[0].root.digest
    source.close()


def test_an_artifact_is_read(tmp_path: Path) -> None:
    artifact = build_artifact({"application/vnd.example": b"whatever"})
    source = opened(write_layout(tmp_path / "image.tar", artifact))
    tree, _ = read_tree(source, EVERYTHING)
    assert [image.is_artifact for image in images_of(tree)] == [True]
    assert b"".join(map(bytes, source.blob(artifact.layers[0].descriptor))) == b"whatever"
    source.close()


# Both at once


def test_index_json_wins_where_both_say_the_same(tmp_path: Path) -> None:
    image = oci_image(LAYER)
    read = read_back(write_both(tmp_path / "image.tar", image, **{CONTAINERD: "docker.io/library/busybox:latest"}))
    assert (read.root, read.name) == (str(image.root.digest), "busybox:latest")


def test_layers_that_docker_unpacked_may_be_compressed_again(tmp_path: Path) -> None:
    source = opened(write_both(tmp_path / "image.tar", oci_image(LAYER, compression=Compression.NONE)))
    assert source.traits.unpacked
    assert source.root().media_type.startswith("application/vnd.oci.")
    source.close()


@pytest.mark.parametrize("listed", [None, []])
def test_an_empty_index_json_counts_for_nothing(tmp_path: Path, listed: list[object] | None) -> None:
    """As docker 25 writes it for an image without a name."""
    image = oci_image(LAYER)
    empty = json.dumps({"schemaVersion": 2, "manifests": listed}).encode()
    entry = saved(blob_file(image.config.digest), [blob_file(image.layers[0].descriptor.digest)], None)
    path = write_archive(tmp_path / "a.tar", *layout_members(image), ("index.json", empty), manifest_json(entry))
    source = opened(path)
    assert source.notes() == ()
    source.close()
    assert read_back(path).layers == (LAYER,)


def test_of_an_index_that_was_not_saved_whole_the_saved_image_keeps_its_manifest(tmp_path: Path) -> None:
    """docker saves one platform of several, and the index of all."""
    here, elsewhere = oci_image(LAYER), build_image([OTHER_LAYER], platform=Platform("linux", "arm64"))
    index = build_index([here, elsewhere])
    entry = saved(blob_file(here.config.digest), [blob_file(here.layers[0].descriptor.digest)])
    members = layout_members(index, without=[elsewhere.root.digest])
    source = opened(write_archive(tmp_path / "a.tar", *members, index_json((index, {})), manifest_json(entry)))
    assert source.notes() == ("index.json leads to content that was not saved",)
    tree, _ = read_tree(source, ONE_PLATFORM)
    assert tree.descriptor.digest == here.root.digest
    assert images_of(tree)[0].config.raw == here.config.raw
    source.close()


def test_an_archive_that_says_two_things_is_read_as_docker_reads_it(tmp_path: Path) -> None:
    shown, loaded = oci_image(LAYER), oci_image(OTHER_LAYER)
    entry = saved(blob_file(loaded.config.digest), [blob_file(loaded.layers[0].descriptor.digest)])
    members = [*layout_members(shown), *layout_members(loaded)[1:]]
    source = opened(write_archive(tmp_path / "a.tar", *members, index_json((shown, {})), manifest_json(entry)))
    assert "does not list the image" in source.notes()[0]
    tree, _ = read_tree(source, ONE_PLATFORM)
    assert images_of(tree)[0].config.raw == loaded.config.raw
    source.close()


# What is wrong


def test_a_missing_blob_is_named(tmp_path: Path) -> None:
    image = oci_image(LAYER)
    missing = image.layers[0].descriptor
    members = layout_members(image, without=[missing.digest])
    source = opened(write_archive(tmp_path / "a.tar", *members, index_json((image, {}))))
    with pytest.raises(NotFound, match=str(missing.digest)):
        next(source.blob(missing))
    source.close()


def test_a_document_under_a_wrong_digest_is_noticed(tmp_path: Path) -> None:
    image = oci_image(LAYER)
    members = layout_members(image, without=[image.config.digest])
    forged = (blob_file(image.config.digest), image.config.raw.replace(b"amd64", b"arm64"))
    source = opened(write_archive(tmp_path / "a.tar", *members, forged, index_json((image, {}))))
    with pytest.raises(DigestMismatch):
        read_tree(source, EVERYTHING)
    source.close()


def test_a_blob_that_is_a_link_is_refused(tmp_path: Path) -> None:
    image = oci_image(LAYER)
    missing = image.layers[0].descriptor
    members = [*layout_members(image, without=[missing.digest]), ("elsewhere", image.layers[0].blob)]
    link = symlink(blob_file(missing.digest), "../../elsewhere")
    source = opened(write_archive(tmp_path / "a.tar", *members, link, index_json((image, {}))))
    with pytest.raises(InvalidImage, match="is a symbolic link"):
        next(source.blob(missing))
    source.close()


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "sha256:ABC", "md5:" + "0" * 32, "", 7])
def test_a_digest_is_checked_before_it_becomes_a_name(tmp_path: Path, digest: object) -> None:
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1}
    listed = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    with pytest.raises(InvalidImage.__bases__[0], match="digest"):
        opened(write_archive(tmp_path / "a.tar", ("index.json", listed)))


def test_an_empty_oci_archive_holds_no_image(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="lists no image"):
        opened(write_archive(tmp_path / "a.tar", ("index.json", b'{"schemaVersion":2,"manifests":[]}')))


def test_blobs_of_other_algorithms_have_folders_of_their_own(tmp_path: Path) -> None:
    image = oci_image(LAYER)
    digest = Digest.of(image.manifest.raw, "sha512")
    entry = {**image.root.to_json(), "digest": str(digest)}
    listed = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    members = [*layout_members(image), (blob_file(digest), image.manifest.raw)]
    assert read_back(write_archive(tmp_path / "a.tar", *members, ("index.json", listed))).layers == (LAYER,)

"""tar:// as a destination."""

from __future__ import annotations

import json
import os
import stat
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.contracts import Address, Output, Settings
from occystrap_core.contracts.output import OutputContext, Slot
from occystrap_core.kit.oci_layout.names import blob_file
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import NotFound, OccystrapError, OptionError, TransferError, UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.layer import Layer, SealedLayer
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import BuiltImage, build_artifact, build_image, build_index
from occystrap_core.testing.memory import MemoryInput
from occystrap_outputs.tar.output import open_output
from occystrap_outputs.tar.plugin import TarOutputOptions
from tests.tar_archive.archives import (
    EVERYTHING,
    LAYER,
    OTHER_LAYER,
    messages,
    opened,
    output_to,
    read_back,
    transfer,
)

IMAGE = build_image([LAYER, OTHER_LAYER, LAYER], family=Family.OCI)
DIFF_IDS = [Digest.of(layer).hex for layer in (LAYER, OTHER_LAYER, LAYER)]


def names_in(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def document_in(path: Path, name: str) -> Any:
    with tarfile.open(path) as archive:
        body = archive.extractfile(name)
        assert body is not None
        return json.load(body)


def test_a_docker_archive_is_laid_out_as_it_always_was(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    assert messages(transfer(IMAGE, path, called=ImageName("quay.io/a/b", "7")).findings) == []

    config = f"{IMAGE.config.digest.hex}.json"
    layers = [f"{diff_id}/layer.tar" for diff_id in DIFF_IDS]
    assert names_in(path) == [layers[0], layers[1], config, "manifest.json"]
    assert path.read_bytes().count(b'[{"Layers": ["') == 1
    assert document_in(path, "manifest.json") == [
        {"Layers": layers, "RepoTags": ["quay.io/a/b:7"], "Config": config},
    ]
    with tarfile.open(path) as archive:
        for member in archive:
            assert (member.mode, member.uid, member.gid, member.mtime) == (0o644, 0, 0, 0)
            assert (member.uname, member.gname, member.isfile()) == ("", "", True)
    assert path.stat().st_size % 10240 == 0
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600


def test_an_oci_archive_keeps_documents_and_blobs(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    outcome = transfer(IMAGE, path, format="oci", called=ImageName("busybox", "1.36"))
    assert messages(outcome.findings) == []

    assert outcome.receipt.root.digest == IMAGE.root.digest
    layers = [IMAGE.layers[0].descriptor.digest, IMAGE.layers[1].descriptor.digest]
    blobs = [blob_file(digest) for digest in (*layers, IMAGE.config.digest, IMAGE.manifest.digest)]
    assert names_in(path) == [*blobs, "oci-layout", "index.json"]
    assert document_in(path, "index.json") == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                **{"mediaType": IMAGE.manifest.media_type, "digest": str(IMAGE.root.digest), "size": IMAGE.root.size},
                "annotations": {
                    "io.containerd.image.name": "docker.io/library/busybox:1.36",
                    "org.opencontainers.image.ref.name": "1.36",
                },
            }
        ],
    }


@pytest.mark.parametrize("format", ["docker", "oci"])
@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("source", list(Compression))
def test_layers_are_stored_in_the_compression_asked_for(
    tmp_path: Path, format: str, compression: Compression, source: Compression
) -> None:
    image = build_image([LAYER, OTHER_LAYER], family=Family.OCI, compression=source)
    outcome = transfer(image, tmp_path / "a.tar", format=format, compression=str(compression))
    assert messages(outcome.findings) == []
    read = read_back(tmp_path / "a.tar")
    assert read.layers == (LAYER, OTHER_LAYER)
    assert set(read.compressions) == {compression}


@pytest.mark.parametrize("source", list(Compression))
def test_without_a_wish_docker_archives_are_unpacked_and_oci_archives_kept(tmp_path: Path, source: Compression) -> None:
    image = build_image([LAYER], family=Family.OCI, compression=source)
    transfer(image, tmp_path / "docker.tar")
    transfer(image, tmp_path / "oci.tar", format="oci")
    assert read_back(tmp_path / "docker.tar").compressions == (Compression.NONE,)
    assert read_back(tmp_path / "oci.tar").compressions == (source,)


def test_the_global_compression_is_for_oci_archives_only(tmp_path: Path) -> None:
    """It has always been about registries; docker archives have uncompressed layers."""
    wish = Settings(compression=Compression.ZSTD)
    assert output_to(tmp_path / "a.tar", settings=wish).traits.compressions == (Compression.NONE,)
    assert output_to(tmp_path / "a.tar", settings=wish, format="oci").traits.convert is Compression.ZSTD
    assert (
        output_to(tmp_path / "a.tar", settings=wish, format="oci", compression="gzip").traits.convert
        is Compression.GZIP
    )


def test_the_result_is_the_same_for_any_number_of_threads(tmp_path: Path) -> None:
    layers = [bytes([number]) * (number * 90_000 % 700_001) for number in range(12)]
    image = build_image([LAYER, *layers, LAYER], compression=Compression.NONE)
    results = set()
    for parallel in (1, 2, 7):
        transfer(image, tmp_path / "a.tar", parallel=parallel, depth=None)
        results.add(Digest.of((tmp_path / "a.tar").read_bytes()))
    assert len(results) == 1


# Names


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        (ImageName("busybox", "latest"), ["busybox:latest"]),
        (ImageName("quay.io/a/b", "7"), ["quay.io/a/b:7"]),
        (ImageName("localhost:5000/a", "b"), ["localhost:5000/a:b"]),
        (ImageName("quay.io/a/b"), []),
        (ImageName("unknown", "unknown"), []),
        (ImageName("UPPER case", "x"), []),
    ],
)
def test_repo_tags_are_the_full_name_or_none(tmp_path: Path, name: ImageName, tags: list[str]) -> None:
    transfer(IMAGE, tmp_path / "a.tar", called=name)
    (entry,) = document_in(tmp_path / "a.tar", "manifest.json")
    assert entry["RepoTags"] == tags


@pytest.mark.parametrize("format", ["docker", "oci"])
def test_the_name_can_be_given(tmp_path: Path, format: str) -> None:
    outcome = transfer(IMAGE, tmp_path / "a.tar", format=format, name="example.com/new")
    assert str(outcome.receipt.name) == "example.com/new:latest"
    assert read_back(tmp_path / "a.tar").name == "example.com/new:latest"


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="'name': 'A B' is not an image name"):
        output_to(tmp_path / "a.tar", name="A B")


def test_a_lone_tag_stays_one_in_an_oci_archive(tmp_path: Path) -> None:
    transfer(IMAGE, tmp_path / "a.tar", format="oci", called=ImageName("unknown", "1.0"))
    (entry,) = document_in(tmp_path / "a.tar", "index.json")["manifests"]
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "1.0"}


def test_the_receipt_leads_back_to_the_image(tmp_path: Path) -> None:
    """Whatever characters the path is made of."""
    path = tmp_path / "100% sure? #1 &c.tar"
    receipt = transfer(IMAGE, path).receipt
    address = Address.parse(receipt.uri)
    assert (receipt.scheme, address.path(), address.pairs) == ("tar", path, ())
    assert read_back(address.path()).root == str(receipt.root.digest)


# What fits


def test_an_index_fits_into_an_oci_archive(tmp_path: Path) -> None:
    other = build_image([OTHER_LAYER], platform=Platform("linux", "arm64"), family=Family.OCI)
    index = build_index([IMAGE, other], attest=True)
    outcome = transfer(index, tmp_path / "a.tar", selection=EVERYTHING, format="oci")
    assert messages(outcome.findings) == []
    assert outcome.receipt.root.digest == index.root.digest
    source = opened(tmp_path / "a.tar")
    assert source.root().digest == index.root.digest
    source.close()


def test_an_index_does_not_fit_into_a_docker_archive(tmp_path: Path) -> None:
    index = build_index([IMAGE, build_image([OTHER_LAYER], platform=Platform("linux", "arm64"))])
    with pytest.raises(UsageError, match="holds one image"):
        transfer(index, tmp_path / "a.tar", selection=EVERYTHING)
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_fits_into_an_oci_archive_only(tmp_path: Path) -> None:
    artifact = build_artifact({"application/vnd.example": b"whatever"})
    outcome = transfer(artifact, tmp_path / "a.tar", format="oci")
    assert messages(outcome.findings) == []
    assert outcome.receipt.root.digest == artifact.root.digest
    with pytest.raises(UsageError, match="holds image layers only"):
        transfer(artifact, tmp_path / "b.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_an_image_without_layers_fits_too(tmp_path: Path) -> None:
    for format in ("docker", "oci"):
        outcome = transfer(build_image([]), tmp_path / f"{format}.tar", format=format)
        assert messages(outcome.findings) == []
        assert read_back(tmp_path / f"{format}.tar").layers == ()


# Paths


def test_opening_writes_nothing(tmp_path: Path) -> None:
    output: Output = output_to(tmp_path / "a.tar")
    assert list(tmp_path.iterdir()) == []
    output.abort()
    assert list(tmp_path.iterdir()) == []
    assert output.holds(IMAGE.root.digest) is None
    assert output.cannot_modify_reason() == ""


def test_a_folder_that_is_missing_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="the folder .*/new does not exist"):
        output_to(tmp_path / "new" / "a.tar")


def test_a_directory_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        output_to(tmp_path)


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.tar").write_bytes(b"old")
    (tmp_path / "link.tar").symlink_to("real.tar")
    transfer(IMAGE, tmp_path / "link.tar")
    assert (tmp_path / "link.tar").is_symlink()
    assert read_back(tmp_path / "real.tar").layers[0] == LAYER


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    outcome = transfer(IMAGE, "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert messages(outcome.findings) == ["verify.tarball: what was written to /dev/null cannot be read again"]


@pytest.mark.parametrize("format", ["docker", "oci"])
def test_a_pipe_gets_the_bytes_of_the_file(tmp_path: Path, format: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "fifo").read_bytes()))
    reader.start()
    transfer(IMAGE, tmp_path / "fifo", format=format)
    reader.join()
    transfer(IMAGE, tmp_path / "a.tar", format=format)
    assert received == [(tmp_path / "a.tar").read_bytes()]


def test_the_source_is_told_from_the_destination(tmp_path: Path) -> None:
    transfer(IMAGE, tmp_path / "a.tar")
    (tmp_path / "same.tar").symlink_to("a.tar")
    content = (tmp_path / "a.tar").read_bytes()
    source = opened(tmp_path / "a.tar")
    with pytest.raises(UsageError, match="is the source itself"):
        transfer(source, tmp_path / "same.tar")
    assert (tmp_path / "a.tar").read_bytes() == content


# When it goes wrong


@pytest.mark.parametrize("after", [0, 1, 5000])
def test_a_source_that_breaks_off_leaves_the_old_archive(tmp_path: Path, after: int) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(b"old")
    broken = MemoryInput(IMAGE, fail_after={IMAGE.layers[1].descriptor.digest: after}, chunk_size=100)
    with pytest.raises(TransferError, match="connection was lost"):
        transfer(broken, path)
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("a.tar", b"old")]


def test_a_damaged_layer_leaves_nothing(tmp_path: Path) -> None:
    damaged = MemoryInput(IMAGE, instead={IMAGE.layers[0].descriptor.digest: b"garbage"})
    with pytest.raises(OccystrapError):
        transfer(damaged, tmp_path / "a.tar", format="oci")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """/dev/full takes nothing, like a disk without room."""
    with pytest.raises(TransferError, match="/dev/full: No space left on device"):
        transfer(IMAGE, "/dev/full")


def test_a_discarded_blob_is_not_in_the_archive(tmp_path: Path) -> None:
    output = open_output(
        Address("tar", str(tmp_path / "a.tar")), TarOutputOptions(), OutputContext(Settings(), ImageName("a", "b"))
    )
    image: BuiltImage = build_image([LAYER], compression=Compression.NONE)
    output.discard(output.put_blob([b"not wanted"], Slot(0)))
    layer = image.layers[0].descriptor
    sealed = SealedLayer(Layer(0, layer, layer.digest), layer.digest, layer, changed=False)
    output.keep(output.put_blob([LAYER], Slot(1, layer)), layer, sealed)
    output.put_document(image.config)
    output.put_document(image.manifest)
    output.commit(image.root)
    assert names_in(tmp_path / "a.tar") == [
        f"{layer.digest.hex}/layer.tar",
        f"{image.config.digest.hex}.json",
        "manifest.json",
    ]

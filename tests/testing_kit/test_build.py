"""The image builder: documents that agree with each other and with the blobs."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from occystrap_core.contracts.entry import BLOCK_DEVICE
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import ATTESTED_DIGEST
from occystrap_core.model.media_types import DOCKER_LAYER, OCI_LAYER, Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.streams.codec import inflate
from occystrap_core.testing.build import (
    build_artifact,
    build_image,
    build_index,
    build_layer,
    device,
    fifo,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)


def read(tar: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {member.name: member for member in archive}


def test_a_layer_holds_every_kind_of_member():
    members = read(
        layer_tar(
            ("etc/", ""),
            ("etc/motd", "hello"),
            symlink("bin", "usr/bin"),
            hardlink("etc/copy", "etc/motd"),
            device("dev/sda", 8, 0, BLOCK_DEVICE),
            fifo("run/pipe"),
            whiteout("etc/shadow"),
            opaque("var/cache"),
        )
    )
    assert members["etc"].isdir() and members["etc/motd"].size == 5
    assert members["bin"].linkname == "usr/bin" and members["etc/copy"].islnk()
    assert (members["dev/sda"].devmajor, members["dev/sda"].isblk()) == (8, True)
    assert members["run/pipe"].isfifo()
    assert "etc/.wh.shadow" in members and "var/cache/.wh..wh..opq" in members


def test_a_file_carries_its_xattrs_and_fields():
    ping = read(layer_tar(file("bin/ping", b"ELF", xattrs={"user.origin": b"here"}, mode=0o755, mtime=7)))["bin/ping"]
    assert ping.pax_headers["SCHILY.xattr.user.origin"] == "here"
    assert (ping.mode, ping.mtime) == (0o755, 7)


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("family", Family)
def test_documents_and_blobs_agree(family, compression):
    image = build_image([layer_tar(("a", "1")), layer_tar(("b", "2"))], family=family, compression=compression)
    assert Digest.of(image.documents[image.root.digest]) == image.root.digest
    assert image.manifest.json["config"]["digest"] == str(image.config.digest)
    assert len(image.config.json["history"]) == 2
    for layer, named, diff_id in zip(
        image.layers, image.manifest.json["layers"], image.config.json["rootfs"]["diff_ids"], strict=True
    ):
        assert named["digest"] == str(Digest.of(layer.blob)) and named["size"] == len(layer.blob)
        assert b"".join(inflate([layer.blob], compression)) == layer.tar
        assert diff_id == str(Digest.of(layer.tar))
        assert named["mediaType"].startswith(DOCKER_LAYER if family is Family.DOCKER else OCI_LAYER)


def test_the_same_layers_give_the_same_image():
    def build():
        return build_image([layer_tar(("a", "1"))], config={"author": "me"})

    assert build().root == build().root
    assert build().config.json["author"] == "me"


def test_layers_of_several_kinds_share_one_image():
    plain = build_layer(layer_tar(("a", "1")), compression=Compression.NONE)
    image = build_image([plain, layer_tar(("b", "2"))])
    assert [layer["mediaType"] for layer in image.manifest.json["layers"]] == [DOCKER_LAYER, DOCKER_LAYER + ".gzip"]
    assert gzip.decompress(image.layers[1].blob) == image.layers[1].tar


def test_an_index_names_its_images_and_their_attestations():
    amd = build_image([layer_tar(("a", "1"))], family=Family.OCI)
    arm = build_image([layer_tar(("a", "2"))], family=Family.OCI, platform=Platform("linux", "arm64", "v8"))
    index = build_index([amd, arm], attest=True)
    listed = index.index.json["manifests"]
    assert [entry["platform"]["architecture"] for entry in listed] == ["amd64", "unknown", "arm64", "unknown"]
    assert listed[1]["annotations"][ATTESTED_DIGEST] == str(amd.root.digest)
    assert listed[2]["platform"]["variant"] == "v8"
    assert set(index.documents) >= {amd.root.digest, arm.config.digest, index.root.digest}
    assert set(index.blobs) >= set(amd.blobs) | set(arm.blobs)


def test_an_index_may_hold_an_index():
    inner = build_index([build_image([layer_tar(("a", "1"))])])
    outer = build_index([inner])
    assert outer.index.json["manifests"][0]["digest"] == str(inner.root.digest)
    assert set(inner.documents) < set(outer.documents)


def test_an_artifact_has_an_empty_config():
    artifact = build_artifact({"application/vnd.example.sbom+json": b"{}"})
    assert artifact.manifest.json["artifactType"] == "application/vnd.example.thing"
    assert artifact.manifest.json["config"]["size"] == 2
    assert list(artifact.blobs.values()) == [b"{}"]

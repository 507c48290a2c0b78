"""`sample://`: an image out of nothing, the same on every machine."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc

import pytest

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.options import parse_options
from occystrap_core.contracts.settings import Settings
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.errors import NotFound, UsageError
from occystrap_core.model.media_types import (
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Compression,
)
from occystrap_core.streams.codec import inflate
from occystrap_inputs.sample.input import SampleInput
from occystrap_inputs.sample.plugin import SampleOptions
from occystrap_inputs.sample.prose import PAGE, PAGES, Prose


def sample(text: str = "sample://") -> SampleInput:
    address = Address.parse(text)
    return SampleInput(address, parse_options(SampleOptions, address.pairs, "source"), Settings())


def read_json(source: SampleInput, descriptor: Descriptor):
    return Document(source.document(descriptor), descriptor.media_type).json


def descriptors(source: SampleInput) -> list[Descriptor]:
    return [Descriptor.from_json(layer) for layer in read_json(source, source.root())["layers"]]


def blobs(source: SampleInput) -> list[bytes]:
    return [b"".join(bytes(chunk) for chunk in source.blob(layer)) for layer in descriptors(source)]


def members(tar: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {member.name: member for member in archive}


def names(tar: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return archive.getnames()


def test_the_same_address_means_the_same_digest_on_any_machine():
    assert str(sample().root().digest) == "sha256:1b78d39832bbb9de52f62cc2e4721e6b748ba37ce61f4afbc9e512e13c85195e"
    assert (
        str(sample("sample://x?layers=2&files=3&size=100k&family=oci").root().digest)
        == "sha256:fc0589d08ae902715505221292061047dc20149902bed919b9b9e7debd50531e"
    )


@pytest.mark.parametrize(
    "option", ["layers=2", "files=3", "size=5k", "seed=other", "family=oci", "platforms=linux/arm64"]
)
def test_every_option_changes_the_image(option):
    assert sample(f"sample://?{option}").root() != sample().root()


def test_the_name_changes_nothing_but_the_name():
    named = sample("sample://team/demo:v2")
    assert named.root() == sample().root()
    assert str(named.name()) == "team/demo:v2"
    assert str(sample().name()) == "sample:latest"


@pytest.mark.parametrize("compression", Compression)
def test_descriptors_and_diff_ids_tell_the_truth(compression):
    source = sample(f"sample://?compression={compression}")
    config = read_json(source, Descriptor.from_json(read_json(source, source.root())["config"]))
    assert len(config["rootfs"]["diff_ids"]) == 3
    for blob, layer, diff_id in zip(blobs(source), descriptors(source), config["rootfs"]["diff_ids"], strict=True):
        assert (Digest.of(blob), len(blob)) == (layer.digest, layer.size)
        tar = b"".join(bytes(chunk) for chunk in inflate([blob], compression))
        assert str(Digest.of(tar)) == diff_id


def test_the_history_has_a_step_for_every_layer_and_one_without():
    source = sample("sample://?layers=5")
    config = read_json(source, Descriptor.from_json(read_json(source, source.root())["config"]))
    assert [step.get("empty_layer", False) for step in config["history"]] == [False] * 5 + [True]


def test_a_layer_holds_a_little_of_everything():
    layers = blobs(sample())
    first, second, _ = map(members, layers)
    assert first["usr/share/layer0/00000/file19.py"].size == 4096
    assert first["bin"].issym() and first["bin"].linkname == "usr/bin"
    assert first["usr/share/layer0/twin"].linkname == "usr/share/layer0/original"
    assert first["usr/share/layer0/labelled"].pax_headers["SCHILY.xattr.user.sample"] == "layer 0"
    assert first["usr/share/layer0/labelled"].mtime % 1 == 0.25
    assert first["tmp"].mode == 0o1777
    assert any(name.endswith("naïve.txt") and len(name) > 100 for name in first)
    assert all(len(names(layer)) == len(set(names(layer))) for layer in layers), "docker refuses a path given twice"
    assert "usr/share/layer0/.wh.obsolete" in second and "usr/share/layer0/obsolete" in first


def test_files_differ_from_each_other_and_fill_their_size():
    with tarfile.open(fileobj=io.BytesIO(blobs(sample("sample://?layers=1&files=300&size=70000"))[0])) as archive:
        contents = [archive.extractfile(member).read() for member in archive if "/file" in member.name]
    assert {len(content) for content in contents} == {70000}
    assert len(set(contents)) == 300


@pytest.mark.parametrize("size", [0, 1, 7, 65536])
def test_any_size_is_exact(size):
    members_of_layer = members(blobs(sample(f"sample://?layers=1&files=2&size={size}"))[0])
    assert members_of_layer["usr/share/layer0/00000/file1.so"].size == size


def test_layers_compress_as_real_ones_do():
    tar = blobs(sample("sample://?layers=1&size=200k"))[0]
    assert 0.2 < len(gzip.compress(tar, 6)) / len(tar) < 0.7


@pytest.mark.parametrize(
    ("family", "manifest", "index", "layer"),
    [("docker", DOCKER_MANIFEST, DOCKER_LIST, DOCKER_LAYER), ("oci", OCI_MANIFEST, OCI_INDEX, OCI_LAYER)],
)
def test_the_family_decides_every_media_type(family, manifest, index, layer):
    source = sample(f"sample://?family={family}&platforms=linux/amd64,linux/arm64/v8")
    assert source.root().media_type == index
    children = [Descriptor.from_json(child) for child in read_json(source, source.root())["manifests"]]
    assert [child.media_type for child in children] == [manifest] * 2
    assert [str(child.platform) for child in children] == ["linux/amd64", "linux/arm64/v8"]
    assert read_json(source, children[0])["layers"][0]["mediaType"] == layer


def test_platforms_share_the_layers_that_do_not_depend_on_them():
    source = sample("sample://?platforms=linux/amd64,linux/arm64")
    children = [Descriptor.from_json(child) for child in read_json(source, source.root())["manifests"]]
    amd, arm = ([layer["digest"] for layer in read_json(source, child)["layers"]] for child in children)
    assert amd[0] != arm[0] and amd[1:] == arm[1:]
    config = read_json(source, Descriptor.from_json(read_json(source, children[1])["config"]))
    assert config["architecture"] == "arm64"


def test_uncompressed_layers_are_a_form_only_until_they_are_asked_for():
    assert sample().traits.unpacked
    assert not sample("sample://?compression=none").traits.unpacked
    assert not sample("sample://?compression=gzip").traits.unpacked


def test_what_the_image_does_not_have_is_not_found():
    nobody = Descriptor("text/plain", Digest.of(b"nobody"), 6)
    with pytest.raises(NotFound):
        sample().document(nobody)
    with pytest.raises(NotFound):
        next(sample().blob(nobody))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample://?layers=0", "'layers': 0 is not between 1 and"),
        ("sample://?files=-1", "'files': -1 is not between 0 and"),
        ("sample://?size=many", "'size': 'many' is not a size.*10M"),
        ("sample://?size=9999g", "is not between"),
        ("sample://?platforms=linux", "'linux' is not a platform"),
        ("sample://?platforms=linux/arm64,linux/arm64", "given twice"),
        ("sample://?layer=2", "no option 'layer'.*did you mean 'layers'"),
        ("sample://Not A Name", "not the name of an image"),
    ],
)
def test_a_wrong_option_is_a_usage_error(text, message):
    with pytest.raises(UsageError, match=message):
        sample(text)


@pytest.mark.parametrize(("text", "size"), [("2k", 2048), ("2KiB", 2048), ("1M", 1 << 20), ("12", 12)])
def test_sizes_may_have_a_unit(text, size):
    assert (
        members(blobs(sample(f"sample://?layers=1&files=1&size={text}"))[0])["usr/share/layer0/00000/file0.txt"].size
        == size
    )


def test_memory_does_not_grow_with_the_image():
    def peak(text: str) -> int:
        source = sample(text)
        tracemalloc.start()
        for layer in descriptors(source):
            for _ in source.blob(layer):
                pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak("sample://?layers=1&files=4&size=40M") < (PAGES * PAGE) + (3 << 20)


def test_prose_reads_the_same_from_anywhere():
    whole = b"".join(Prose("x").read(0, 3 * PAGE))
    assert b"".join(Prose("x").read(1000, 2 * PAGE)) == whole[1000 : 1000 + 2 * PAGE]
    assert b"".join(Prose("y").read(0, 100)) != whole[:100]

"""From every kind of source to every kind of destination, with and without filters: always the same image."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import Family
from occystrap_core.testing.build import BuiltImage, build_image, build_layer
from tests.end_to_end import witness
from tests.end_to_end.conftest import Place, Run
from tests.end_to_end.images import BASE, IMAGE, LAYERS, MIDDLE, OCI_IMAGE, several, write_layout
from tests.peers import Registry

KINDS = ["registry", "tar", "tar-oci", "ocidir", "dir"]
HOLD_MANIFESTS = {"registry", "tar-oci", "ocidir"}
FILTERS = {
    "none": (),
    "normalize": ("normalize-timestamps:ts=7",),
    "exclude": ("exclude:pattern=etc/motd,usr/**", "normalize-timestamps"),
    "look": ("search:pattern=**/data", "exclude:pattern=no/such/file"),
}


def process(run: Run, source: str, destination: str, *filters: str, more: tuple[str, ...] = ()) -> None:
    chain = [word for each in filters for word in ("-f", each)]
    ran = run("process", source, destination, *chain, "--verify-full", *more)
    assert ran.code == 0, ran.err
    assert ran.err.endswith("verified OK\n")
    assert "Warning" not in ran.err


@pytest.fixture(params=["docker", "oci"])
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def image(family: str) -> BuiltImage:
    return IMAGE if family == "docker" else OCI_IMAGE


@pytest.mark.parametrize("destination", KINDS)
@pytest.mark.parametrize("source", ["by hand", *KINDS])
def test_an_image_comes_through_layer_for_layer(
    run: Run, tmp_path: Path, place: Place, image: BuiltImage, family: str, source: str, destination: str
) -> None:
    """The manifest as well, between places that hold manifests in the words of this one."""
    first = write_layout(tmp_path / "source", image)
    if source != "by hand":
        process(run, first, place(source, "first"))
        first = place(source, "first").partition("?")[0]
    process(run, first, place(destination, "second"))
    seen = witness.look(place(destination, "second"))
    assert seen.config == image.config.raw
    assert seen.layers == LAYERS
    holding = {source, destination} <= HOLD_MANIFESTS | {"by hand"}
    if (holding and family == "oci") or {source, destination} <= {"registry", "by hand"}:
        assert seen.root == str(image.root.digest)


@pytest.mark.parametrize("chain", FILTERS)
@pytest.mark.parametrize("source", KINDS)
def test_filters_do_the_same_wherever_an_image_comes_from(
    run: Run, layout: str, place: Place, source: str, chain: str
) -> None:
    process(run, layout, place(source, "first"))
    process(run, layout, place("ocidir", "expected"), *FILTERS[chain])
    process(run, place(source, "first").partition("?")[0], place("ocidir", "found"), *FILTERS[chain])
    expected, found = witness.look(place("ocidir", "expected")), witness.look(place("ocidir", "found"))
    assert found.config == expected.config
    assert found.layers == expected.layers
    assert found.is_consistent
    assert (found.config == IMAGE.config.raw) is (chain in ("none", "look"))


@pytest.mark.parametrize("destination", KINDS)
def test_filters_do_the_same_wherever_an_image_goes_to(run: Run, layout: str, place: Place, destination: str) -> None:
    process(run, layout, place("ocidir", "expected"), *FILTERS["exclude"])
    process(run, layout, place(destination, "found"), *FILTERS["exclude"])
    expected, found = witness.look(place("ocidir", "expected")), witness.look(place(destination, "found"))
    assert found.config == expected.config
    assert found.layers == expected.layers
    assert found.is_consistent


def test_what_filters_left_is_what_was_meant(run: Run, layout: str, place: Place) -> None:
    process(run, layout, place("tar"), *FILTERS["exclude"])
    seen = witness.look(place("tar"))
    assert seen.names(0) == ["etc", "etc/gone", "etc/link", "etc/again", "bin/ping", "a/" + "long" * 50]
    assert seen.names(1) == []
    assert seen.names(2) == ["etc/.wh.gone", "etc/new"]
    before, after = json.loads(IMAGE.config.raw), json.loads(seen.config)
    assert after.pop("rootfs")["diff_ids"] == seen.diff_ids
    before.pop("rootfs")
    assert after == before


@pytest.mark.parametrize("destination", ["registry", "ocidir"])
def test_the_words_of_a_manifest(
    run: Run, tmp_path: Path, place: Place, image: BuiltImage, destination: str, family: str
) -> None:
    """A registry is given those of the source; a layout has to speak OCI, unless it is told otherwise."""
    source = write_layout(tmp_path / "words", image)
    process(run, source, place(destination), "normalize-timestamps:ts=7")
    expected = "oci" if destination == "ocidir" else family
    assert {f"application/vnd.{expected}." in word for word in witness.look(place(destination)).media_types} == {True}


def test_a_layout_that_keeps_the_words_of_the_source(run: Run, layout: str, tmp_path: Path) -> None:
    process(run, layout, f"ocidir://{tmp_path}/same:v1?format=source")
    assert witness.named(tmp_path / "same", "v1")["digest"] == str(IMAGE.root.digest)


@pytest.mark.parametrize("first", ["registry", "tar-oci", "ocidir"])
def test_an_index_comes_through_whole(run: Run, tmp_path: Path, place: Place, first: str) -> None:
    index = several()
    source = write_layout(tmp_path / "several", index)
    process(run, source, place(first, "there"), more=("--all-platforms",))
    process(run, place(first, "there").partition("?")[0], f"ocidir://{tmp_path}/back:v1", more=("--all-platforms",))
    back = tmp_path / "back"
    assert witness.named(back, "v1")["digest"] == str(index.root.digest)
    stored = {path.name: path.read_bytes() for path in (back / "blobs/sha256").iterdir()}
    assert stored == {digest.hex: raw for digest, raw in {**index.blobs, **index.documents}.items()}


@pytest.mark.parametrize("kind", ["registry", "tar-oci", "ocidir"])
def test_a_filtered_index_is_the_same_everywhere(run: Run, tmp_path: Path, place: Place, kind: str) -> None:
    """The attestations speak of images that are no more: they are left out, and that is said."""
    source = write_layout(tmp_path / "several", several())
    arguments = ("-f", "normalize-timestamps:ts=5", "--all-platforms", "-O", "json", "--verify-full")
    results = []
    for destination in (place(kind), f"ocidir://{tmp_path}/reference:v1"):
        ran = run("process", source, destination, *arguments)
        assert ran.code == 0, ran.err
        results.append(json.loads(ran.out))
    assert results[0]["digest"] == results[1]["digest"]
    assert [image["platform"] for image in results[0]["images"]] == ["linux/amd64", "linux/arm64/v8"]
    assert len([note for note in results[0]["notes"] if "dropped the attestation" in note]) == 2


@pytest.mark.parametrize("kind", ["registry", "tar-oci", "ocidir"])
@pytest.mark.parametrize("wanted", ["linux/arm64", "linux/amd64"])
def test_one_platform_of_an_index(run: Run, tmp_path: Path, place: Place, kind: str, wanted: str) -> None:
    index = several()
    source = write_layout(tmp_path / "several", index)
    ran = run("process", source, place(kind), "--platform", wanted, "--verify-full")
    assert ran.code == 0, ran.err
    assert "Warning: dropped 1 attestation manifest(s)" in ran.err
    seen = witness.look(place(kind))
    expected = index.images[0 if wanted == "linux/amd64" else 2]
    assert seen.config == expected.config.raw
    assert list(seen.layers) == [layer.tar for layer in expected.layers]


def test_a_pruned_index_is_valid_and_smaller(run: Run, tmp_path: Path) -> None:
    index = several()
    source = write_layout(tmp_path / "several", index)
    ran = run(
        "process", source, f"ocidir://{tmp_path}/one:v1", "--platform", "linux/arm64", "--platform", "linux/arm64/v8"
    )
    assert ran.code == 0, ran.err
    folder = tmp_path / "one"
    root = json.loads(witness.blobs_of(folder)(witness.named(folder, "v1")["digest"]))
    listed = [entry["digest"] for entry in root["manifests"]]
    assert listed == [str(child.root.digest) for child in index.children[2:]]
    for digest in listed:
        witness.blobs_of(folder)(digest)


class TestTheSameBytes:
    """Whatever the number of threads, and however often."""

    FILES = ("tar", "tar-oci", "ocidir", "dir")

    def content(self, path: Path) -> dict[str, bytes]:
        if path.is_file():
            return {"": path.read_bytes()}
        return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}

    @pytest.mark.parametrize("filters", [(), ("normalize-timestamps", "exclude:pattern=etc/motd")])
    @pytest.mark.parametrize("kind", FILES)
    def test_on_disk(
        self, run: Run, registry: Registry, tmp_path: Path, place: Place, kind: str, filters: tuple[str, ...]
    ) -> None:
        process(run, "sample://threads?layers=7&files=5&size=40000&compression=gzip", place("registry", "source"))
        found = []
        for attempt, parallel in enumerate(("1", "2", "8", "8", "1")):
            name = f"attempt{attempt}"
            process(run, place("registry", "source"), place(kind, name), *filters, more=("-j", parallel))
            target = place(kind, name).partition("?")[0].partition("://")[2].removesuffix(":v1")
            found.append(self.content(Path(target)))
        assert all(each == found[0] for each in found)
        assert len(found[0]) == (1 if kind.startswith("tar") else len(found[0]))

    def test_in_a_registry(self, run: Run, place: Place) -> None:
        digests = set()
        for attempt, parallel in enumerate(("1", "2", "8", "8")):
            source = "sample://threads?layers=7&files=5&size=40000"
            more = ("--compression", "zstd", "-j", parallel)
            process(run, source, place("registry", f"attempt{attempt}"), "normalize-timestamps", more=more)
            digests.add(witness.look(place("registry", f"attempt{attempt}")).root)
        assert len(digests) == 1

    @pytest.mark.parametrize("compression", ["gzip", "zstd"])
    def test_a_layer_long_enough_for_several_blocks(self, run: Run, tmp_path: Path, compression: str) -> None:
        results = set()
        for parallel in ("1", "2", "8"):
            target = f"tar://{tmp_path}/{parallel}.tar?compression={compression}"
            process(run, "sample://long?layers=2&files=2&size=3500000", target, more=("-j", parallel))
            results.add((tmp_path / f"{parallel}.tar").read_bytes())
        assert len(results) == 1


@pytest.mark.parametrize("chain", ["none", "normalize"])
@pytest.mark.parametrize("destination", ["registry", "tar", "tar-oci", "ocidir", "dir"])
def test_a_config_may_name_its_layers_by_sha512(
    run: Run, tmp_path: Path, place: Place, destination: str, chain: str
) -> None:
    layers = [build_layer(tar, family=Family.OCI) for tar in (BASE, MIDDLE)]
    named = [replace(layer, diff_id=Digest.of(layer.tar, "sha512")) for layer in layers]
    source = write_layout(tmp_path / "source", build_image(named, family=Family.OCI))
    process(run, source, place(destination), *FILTERS[chain])
    seen = witness.look(place(destination))
    diff_ids = [str(Digest.of(layer, "sha512")) for layer in seen.layers]
    assert json.loads(seen.config)["rootfs"]["diff_ids"] == diff_ids
    assert (seen.layers == (BASE, MIDDLE)) is (chain == "none")
    process(run, place(destination).partition("?")[0], f"ocidir://{tmp_path}/back:v1")
    assert witness.in_layout(tmp_path / "back", "v1").layers == seen.layers

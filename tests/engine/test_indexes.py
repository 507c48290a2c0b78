"""Trees: choosing platforms, valid smaller indexes, attestations, and trees that lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from occystrap_core.engine.found_documents import find_documents
from occystrap_core.engine.selection import Selection
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage, LimitExceeded, NotFound, UsageError
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import build_image, build_index, layer_tar
from occystrap_core.testing.documents import compose_index
from occystrap_core.testing.memory import MemoryInput, MemoryOutput
from tests.engine.runs import ALL, ONE, Drop, Touch, run

AMD = build_image([layer_tar(("amd", "a"))])
ARM = build_image([layer_tar(("arm", "b"))], platform=Platform("linux", "arm64", "v8"))
S390 = build_image([layer_tar(("s390", "c"))], platform=Platform("linux", "s390x"))
INDEX = build_index([AMD, ARM, S390], attest=True)


def entries(output: MemoryOutput) -> list[dict]:
    image = output.store.image()
    return json.loads(image.documents[image.root.digest])["manifests"]


def platforms(output: MemoryOutput) -> list[str]:
    return [f"{entry['platform']['os']}/{entry['platform']['architecture']}" for entry in entries(output)]


def test_one_platform_makes_one_image_and_says_what_it_left() -> None:
    outcome = run(INDEX)
    assert outcome.receipt.root.digest == AMD.root.digest
    assert "attestation" in outcome.notes[0]


def test_arm64_finds_its_variant() -> None:
    outcome = run(INDEX, selection=Selection((Platform.parse("linux/arm64"),)))
    assert outcome.receipt.root.digest == ARM.root.digest


def test_all_platforms_arrive_byte_for_byte() -> None:
    output = MemoryOutput()
    run(INDEX, selection=ALL, output=output)
    assert output.store.snapshot()[:2] == (dict(INDEX.blobs), dict(INDEX.documents))


def test_a_subset_is_a_valid_index_with_the_attestations_of_its_images() -> None:
    output = MemoryOutput()
    chosen = Selection((Platform.parse("linux/s390x"), Platform.parse("linux/amd64")))
    run(INDEX, selection=chosen, output=output)
    assert platforms(output) == ["linux/amd64", "unknown/unknown", "linux/s390x", "unknown/unknown"]
    assert all(Digest.parse(entry["digest"]) in output.store.documents for entry in entries(output))
    assert ARM.root.digest not in output.store.documents


def test_the_attestation_of_a_changed_image_is_dropped_and_reported() -> None:
    output = MemoryOutput()
    outcome = run(INDEX, Drop("arm"), selection=ALL, output=output)
    assert platforms(output) == ["linux/amd64", "unknown/unknown", "linux/arm64", "linux/s390x", "unknown/unknown"]
    assert [note for note in outcome.notes if "the image it vouches for was changed" in note]


def test_a_changed_child_is_found_under_its_new_digest() -> None:
    output = MemoryOutput()
    run(INDEX, Touch(9), selection=ALL, output=output)
    for entry in entries(output):
        document = output.store.documents[Digest.parse(entry["digest"])]
        assert entry["size"] == len(document)
        assert Digest.parse(entry["digest"]).matches(document)


def test_nested_indexes_are_rebuilt_from_the_leaves() -> None:
    nested, output = build_index([build_index([AMD, ARM]), S390]), MemoryOutput()
    run(nested, Touch(9), selection=ALL, output=output)
    inner = json.loads(output.store.documents[Digest.parse(entries(output)[0]["digest"])])
    assert len(inner["manifests"]) == 2
    assert run(nested, selection=Selection((Platform.parse("linux/arm64"),))).receipt.root.digest == ARM.root.digest


def test_no_match_names_what_there_is() -> None:
    for selection in (
        Selection((Platform.parse("linux/riscv64"),)),
        Selection((Platform("linux", "amd64"), Platform("plan9", "386"))),
    ):
        with pytest.raises(
            NotFound, match=r"^source: no image for .*\(it has linux/amd64, linux/arm64/v8, linux/s390x\)"
        ):
            run(INDEX, selection=selection)


def test_an_index_does_not_fit_where_one_image_does() -> None:
    with pytest.raises(UsageError, match="not an index of several platforms"):
        run(INDEX, selection=ALL, output=MemoryOutput(holds_indexes=False))


def test_a_single_image_for_another_platform_is_taken_and_said() -> None:
    outcome = run(ARM, selection=ONE)
    assert outcome.notes == ("the source is a single image for linux/arm64/v8, not for linux/amd64",)


@pytest.mark.parametrize("wanted", ["linux/amd64", "linux/arm64/v9", "linux/amd64 linux/s390x"])
def test_a_single_image_for_another_platform_than_was_named_is_refused(wanted: str) -> None:
    platforms = tuple(map(Platform.parse, wanted.split()))
    with pytest.raises(NotFound) as refused:
        run(ARM, selection=Selection(platforms, explicit=True))
    assert str(refused.value) == f"source: no image for {', '.join(wanted.split())} (it has linux/arm64/v8)"


@pytest.mark.parametrize("wanted", ["linux/arm64", "linux/amd64 linux/arm64"])
def test_a_single_image_need_be_for_one_of_the_named_platforms_only(wanted: str) -> None:
    platforms = tuple(map(Platform.parse, wanted.split()))
    assert run(ARM, selection=Selection(platforms, explicit=True)).notes == ()


def test_a_platform_that_the_source_itself_was_asked_for_is_meant() -> None:
    source = MemoryInput(ARM)
    source.traits = replace(source.traits, platform=Platform("linux", "amd64"))
    with pytest.raises(NotFound, match="no image for linux/amd64"):
        run(source)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"manifests": []}, "ambiguous"),
        ({"mediaType": "application/vnd.oci.image.index.v1+json"}, "calls itself"),
        ({"schemaVersion": 1}, "schema version 1"),
        ({"layers": None}, "layers must be a list"),
        ({"config": None}, "config must be a JSON object"),
        ({"layers": [{"mediaType": "x", "digest": "sha256:../../x", "size": 1}]}, "lower-case hex digits"),
        ({"layers": [{"mediaType": "x", "digest": "md5:" + "0" * 32, "size": 1}]}, "supported algorithm"),
        ({"layers": [{"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": -1}]}, "size must be"),
        ({"layers": [{"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1.5}]}, "size must be"),
        ({"layers": [{"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": True}]}, "size must be"),
        ({"layers": []}, "lists 0 layers, its config 1 diff_ids"),
    ],
)
def test_documents_that_contradict_themselves_are_refused(edit: dict, says: str) -> None:
    with pytest.raises(InvalidImage.__mro__[1], match=says) as caught:
        run(build_image([layer_tar(("a", "b"))], manifest=edit))
    assert caught.value.side == "source"


def test_a_document_with_other_bytes_is_refused() -> None:
    with pytest.raises(Exception, match="^source: manifest .* has other content"):
        run(MemoryInput(AMD, instead={AMD.root.digest: b"x" * AMD.root.size}))
    with pytest.raises(Exception, match="^source: config .* is 2 bytes, its descriptor says"):
        run(MemoryInput(AMD, instead={AMD.config.digest: b"{}"}))


def test_what_is_checked_is_for_the_platform_that_is_named_too() -> None:
    named = Selection((Platform("linux", "amd64"),), explicit=True)
    assert find_documents(MemoryInput(AMD), named).images[0].platform == Platform("linux", "amd64")
    with pytest.raises(NotFound, match=r"no image for linux/amd64 \(it has linux/arm64/v8\)"):
        find_documents(MemoryInput(ARM), named)
    assert find_documents(MemoryInput(ARM), ONE).images


@dataclass(frozen=True)
class Tangle:
    """Indexes of indexes, each of which lists the one below it `width` times."""

    root: Descriptor
    documents: Mapping[Digest, bytes]
    blobs: Mapping[Digest, bytes]

    @classmethod
    def of(cls, depth: int, width: int) -> Tangle:
        documents, root = dict(AMD.documents), AMD.root
        for _ in range(depth):
            document = compose_index([root] * width)
            documents[document.digest] = document.raw
            root = document.descriptor()
        return cls(root, documents, AMD.blobs)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("selection", [ONE, ALL], ids=["one", "all"])
@pytest.mark.parametrize("shape", [(7, 300), (2, 3000)], ids=["deep", "wide"])
def test_a_few_documents_that_name_each_other_over_and_over_are_refused(
    selection: Selection, shape: tuple[int, int]
) -> None:
    with pytest.raises(LimitExceeded, match="name each other more than"):
        run(Tangle.of(*shape), selection=selection)

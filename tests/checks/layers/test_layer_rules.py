"""Rules about layers as a whole."""

from __future__ import annotations

import gzip

from occystrap_core.contracts.finding import Severity
from occystrap_core.testing.build import (
    build_artifact,
    build_attestation,
    build_image,
    build_index,
    build_layer,
    directory,
    file,
    layer_tar,
)
from tests.checks.layers_made import GZIP, PLAIN, TAR, image_of, messages, stored, told
from tests.checks.rules import outcome, said

OTHER = layer_tar(file("x", "another"))


class TestDiffId:
    def test_another_content_than_the_config_says(self) -> None:
        assert told(image_of(stored(gzip.compress(OTHER), GZIP, TAR))) == [("diff-id", "error")]

    def test_the_digest_of_the_compressed_blob_is_a_common_mistake(self) -> None:
        blob = gzip.compress(TAR)
        assert told(image_of(stored(blob, GZIP, blob))) == [("diff-id", "error")]
        assert "the digest of the compressed blob" in messages(image_of(stored(blob, GZIP, blob)), "diff-id")[0]
        assert told(image_of(stored(blob, PLAIN, blob))) == [("media-type-vs-magic", "error")]

    def test_that_all_is_well_is_said(self) -> None:
        [(_, severity, message)] = said(image_of(TAR), "diff-id")
        assert severity == "info"
        assert message.startswith("the layer is sha256:")

    def test_layers_that_changed_places(self) -> None:
        image = build_image([TAR, OTHER])
        diff_ids = [str(layer.diff_id) for layer in reversed(image.layers)]
        swapped = build_image([TAR, OTHER], config={"rootfs": {"type": "layers", "diff_ids": diff_ids}})
        assert told(swapped) == [("diff-id", "error")] * 2

    def test_a_config_of_fewer_diff_ids_is_another_rules_matter(self) -> None:
        assert told(build_image([TAR], config={"rootfs": {"type": "layers", "diff_ids": []}})) == []


def test_an_empty_layer() -> None:
    assert told(image_of(TAR, layer_tar())) == [("empty-layer", "info")]


def test_the_same_layer_twice() -> None:
    image = image_of(TAR, OTHER, TAR)
    assert ("repeated-layer", "info") in told(image)
    assert messages(image, "repeated-layer") == ["the layer is the same as layer 1"]


def test_findings_have_a_place_and_a_remedy() -> None:
    image = image_of(OTHER, stored(gzip.compress(OTHER), GZIP, TAR))
    [found] = [each for each in outcome(image, "diff-id").findings if each.severity is Severity.ERROR]
    assert (found.where.manifest, found.where.layer) == (str(image.root.digest), 1)
    assert found.remediation


def test_artifacts_and_attestations_stay_clean() -> None:
    assert told(build_artifact({"text/plain": b"hello"})) == []
    assert told(build_attestation(build_image([TAR]))) == []
    assert told(build_index([build_image([TAR])], attest=True)) == []


def test_an_artifacts_blob_is_still_held_to_its_digest() -> None:
    from occystrap_core.testing.memory import MemoryInput

    artifact = build_artifact({"text/plain": b"hello"})
    source = MemoryInput(artifact, instead={artifact.layers[0].descriptor.digest: b"jello"})
    assert told(source) == [("blob-digest", "error")]


def test_layers_of_an_index_are_judged_once_each() -> None:
    tar = layer_tar(directory("etc"), file("etc/x"), file("etc/x"))
    layer = build_layer(tar)
    index = build_index([build_image([layer]), build_image([layer, OTHER])])
    assert told(index) == [("tar-duplicate", "error")]

"""Compatibility: what follows from the data file for the engines that were named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from occystrap_checks.compat.features import feature
from occystrap_checks.compat.layer_depth import FAR, NEAR
from occystrap_core.contracts.finding import Severity
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import DOCKER_FOREIGN_LAYER, DOCKER_SCHEMA1, OCI_LAYER, Compression, Family
from occystrap_core.model.targets import parse_targets
from occystrap_core.testing.build import (
    BuiltImage,
    Content,
    build_artifact,
    build_image,
    build_index,
    build_layer,
    file,
    layer_tar,
)
from occystrap_core.testing.memory import StoredImage
from tests.checks.broken import NOON, edited, found, image, stored
from tests.checks.rules import said

E, W = Severity.ERROR, Severity.WARNING
_SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00test"


def zstd(family: Family = Family.OCI) -> BuiltImage:
    return image(family=family, compression=Compression.ZSTD)


def skippable_first() -> Content:
    base = zstd()
    blob = _SKIPPABLE + base.layers[0].blob
    return replaced_blob(base, blob)


def replaced_blob(base: BuiltImage, blob: bytes) -> Content:
    digest = Digest.of(blob)
    content = edited(base, lambda json: json["layers"][0].update(digest=str(digest), size=len(blob)))
    return StoredImage(content.root, content.documents, {digest: blob})


def schema1() -> Content:
    media_type = sorted(DOCKER_SCHEMA1)[0]
    raw = json.dumps({"schemaVersion": 1, "mediaType": media_type, "fsLayers": [], "history": []}).encode()
    return stored(raw, [], {}, Descriptor(media_type, Digest.of(raw), len(raw)))


def typed(media_type: str, **extra: Any) -> Content:
    layer = build_layer(layer_tar(("a", "b")), family=Family.OCI, media_type=media_type, extra=extra)
    return build_image([layer], family=Family.OCI, config={"created": NOON})


def layers(count: int) -> Content:
    return build_image([layer_tar(file(f"f{n}")) for n in range(count)], family=Family.OCI, config={"created": NOON})


CASES: list[tuple[str, Callable[[], Content], str, set[tuple[str, Severity]]]] = [
    ("zstd for anybody", zstd, "", {("zstd-compat", W)}),
    ("zstd for old docker", zstd, "docker>=20.10", {("zstd-compat", E)}),
    ("zstd for docker as a number", zstd, "docker>=23", set()),
    ("zstd for docker before", zstd, "docker>=22.9.9", {("zstd-compat", E)}),
    ("zstd for docker after", zstd, "docker>=24.0.1", set()),
    ("zstd for containerd", zstd, "containerd>=1.5", set()),
    ("zstd for old containerd", zstd, "containerd>=1.4.13", {("zstd-compat", E)}),
    ("zstd for the containers family", zstd, "podman>=4,skopeo>=1.4,cri-o>=1.20", set()),
    ("zstd for old podman", zstd, "podman>=1.6.1", {("zstd-compat", E)}),
    ("zstd for apple", zstd, "apple-container>=1", {("zstd-compat", E)}),
    ("zstd where nothing is known", zstd, "buildkit>=0.8", set()),
    ("gzip for anything", image, "docker>=18.09,containerd>=1,podman>=1,apple-container>=0.1", set()),
    ("docker zstd for anybody", lambda: zstd(Family.DOCKER), "", {("zstd-compat", W), ("docker-zstd", E)}),
    ("docker zstd for docker", lambda: zstd(Family.DOCKER), "docker>=23.0", set()),
    ("docker zstd for old docker, told once", lambda: zstd(Family.DOCKER), "docker>=20.10", {("zstd-compat", E)}),
    ("docker zstd for containerd", lambda: zstd(Family.DOCKER), "containerd>=1.7", {("docker-zstd", E)}),
    ("docker zstd for podman", lambda: zstd(Family.DOCKER), "podman>=5", {("docker-zstd", E)}),
    ("skippable frame for anybody", skippable_first, "", {("zstd-compat", W), ("zstd-skippable-first", W)}),
    ("skippable frame for containerd", skippable_first, "containerd>=1.5", {("zstd-skippable-first", E)}),
    ("skippable frame for new engines", skippable_first, "containerd>=1.6,docker>=23.0", set()),
    ("OCI for anybody", image, "", set()),
    ("OCI for ancient docker", image, "docker>=17.06", {("oci-compat", E)}),
    ("docker types for ancient docker", lambda: image(family=Family.DOCKER), "docker>=17.06", set()),
    ("schema 1 for anybody", schema1, "", {("schema1", W), ("schema-version", E)}),
    ("schema 1 for docker, which dropped it", schema1, "docker>=20.10", {("schema1", E), ("schema-version", E)}),
    ("an artifact for anybody", lambda: build_artifact({"x/y": b"z"}), "", set()),
    (
        "an artifact for old docker",
        lambda: build_artifact({"x/y": b"z"}),
        "docker>=23.0",
        {
            ("artifact-compat", W),
        },
    ),
    ("an artifact for docker", lambda: build_artifact({"x/y": b"z"}), "docker>=24.0", set()),
    ("attestations for old docker", lambda: build_index([image()], attest=True), "docker>=27", set()),
    ("a foreign layer", lambda: typed(DOCKER_FOREIGN_LAYER + ".gzip"), "", {("nondistributable", W)}),
    (
        "a layer with urls",
        lambda: typed(OCI_LAYER + "+gzip", urls=["https://example.com/l"]),
        "",
        {("nondistributable", W)},
    ),
    ("a layer with no urls", lambda: typed(OCI_LAYER + "+gzip", urls=[]), "", set()),
    ("erofs for anybody", lambda: typed("application/vnd.erofs.layer.v1"), "", {("erofs-compat", W)}),
    ("erofs for containerd", lambda: typed("application/vnd.erofs.layer.v1"), "containerd>=2.2", {("erofs-compat", E)}),
    ("erofs for new containerd", lambda: typed("application/vnd.erofs.layer.v1"), "containerd>=2.3", set()),
    ("125 layers", lambda: layers(125), "", set()),
    ("126 layers", lambda: layers(126), "", {("layer-depth", W)}),
    ("128 layers", lambda: layers(128), "", {("layer-depth", W)}),
    ("129 layers", lambda: layers(129), "", {("layer-depth", E)}),
    ("129 layers for docker", lambda: layers(129), "docker>=20.10", {("layer-depth", E)}),
    ("129 layers where no limit is known", lambda: layers(129), "containerd>=1.7", set()),
]


@pytest.mark.parametrize(("make", "targets", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_what_follows_for_the_named_engines(
    make: Callable[[], Content], targets: str, expected: set[tuple[str, Severity]]
) -> None:
    findings = found(make(), targets=parse_targets(targets))
    assert {(each.check, each.severity) for each in findings} == expected, findings


def test_without_targets_the_warning_names_every_engine_we_know_of() -> None:
    (finding,) = found(zstd())
    assert finding.message == (
        "layer 1 is compressed with zstd, which takes docker 23.0, containerd 1.5, podman 1.6.2, skopeo 0.1.40, "
        "cri-o 1.16 or later; no version of apple-container can read it"
    )


def test_with_targets_each_refusal_is_a_sentence_of_its_own() -> None:
    findings = found(zstd(), targets=parse_targets("docker>=20.10,containerd>=1.4,podman>=4"))
    assert [each.message for each in findings] == [
        "layer 1 is compressed with zstd: docker 20.10 cannot read this, 23.0 is the first that can",
        "layer 1 is compressed with zstd: containerd 1.4 cannot read this, 1.5 is the first that can",
    ]


def test_versions_of_docker_are_written_as_docker_did() -> None:
    (finding,) = found(image(), targets=parse_targets("docker>=17.06"))
    assert finding.message.endswith("docker 17.06 cannot read this, 18.09 is the first that can")


def test_who_cannot_push_a_foreign_layer_is_said_for_named_targets() -> None:
    foreign = typed(DOCKER_FOREIGN_LAYER + ".gzip")
    (finding,) = found(foreign)
    assert finding.message == "the layer is nondistributable: registries may not hold it"
    (finding,) = found(foreign, targets=parse_targets("docker>=20.10,podman>=4"))
    assert finding.message.endswith("registries may not hold it; docker 28.0 and later cannot push this")


def test_the_table_of_limits_is_read_only_for_images_that_may_be_near_one() -> None:
    limits = [fact.limit for fact in feature("layer-depth").engines if fact.limit is not None]
    assert limits
    assert min(limits) - NEAR > FAR


def test_attestations_are_lost_quietly_so_it_is_information() -> None:
    attested = build_index([image()], attest=True)
    texts = [
        text for rule, _, text in said(attested, targets=parse_targets("docker>=27")) if rule == "attestation-compat"
    ]
    assert texts == ["the index has attestations, which docker 27 does not keep"]


def test_zstd_is_judged_without_reading_a_layer() -> None:
    assert [each.check for each in found(zstd(), fast=True)] == ["zstd-compat"]

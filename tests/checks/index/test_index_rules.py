"""Indexes: what breaks each rule and nothing else, and its legal neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from occystrap_core.contracts.finding import Severity
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import ATTESTED_DIGEST
from occystrap_core.model.media_types import DOCKER_LIST, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    BuiltImage,
    Content,
    build_artifact,
    build_attestation,
    build_image,
    build_index,
    file,
    layer_tar,
)
from occystrap_core.testing.memory import StoredImage
from tests.checks.broken import NOON, document_rules, edited, found, image, index, without
from tests.checks.rules import said

E, W = Severity.ERROR, Severity.WARNING
ARM64, ARM = Platform("linux", "arm64"), Platform("linux", "arm", "v6")


def entry(number: int, **fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda json: json["manifests"][number].update(fields)


def platform(os: str = "linux", architecture: str = "amd64", **more: Any) -> dict[str, Any]:
    return {"os": os, "architecture": architecture, **more}


def pair(*platforms: dict[str, Any] | None) -> StoredImage:
    """An index of two images whose configs say what their entries say."""
    images = [_of(each or platform(), f"file{number}") for number, each in enumerate(platforms)]

    def edit(json: dict[str, Any]) -> None:
        for found_entry, each in zip(json["manifests"], platforms, strict=True):
            found_entry.pop("platform", None)
            if each is not None:
                found_entry["platform"] = each

    return index(images, edit)


def _of(wanted: dict[str, Any], name: str) -> StoredImage:
    kept = {key: wanted[key] for key in ("os", "architecture", "variant", "os.version") if wanted.get(key)}

    def config(json: dict[str, Any]) -> None:
        json.update(kept)

    return edited(image(file(name)), config=config)


def says(index_platform: dict[str, Any], **config: str) -> StoredImage:
    """An index of one image, and what the image's config says."""
    return index([edited(image(), config=lambda json: json.update(config))], entry(0, platform=index_platform))


def orphan() -> StoredImage:
    base = image()
    return index([base, build_attestation(image(file("other")))])


def mixed() -> StoredImage:
    return index([image(family=Family.DOCKER)])


def without_attestation() -> Content:
    whole = build_index([image()], attest=True)
    return without(whole, whole.children[1].root.digest)


def configless_platform(*keys: str) -> StoredImage:
    def config(json: dict[str, Any]) -> None:
        for key in keys:
            del json[key]

    return edited(image(), config=config)


BROKEN: list[tuple[str, Severity, str, Callable[[], Content]]] = [
    (
        "platform-mismatch",
        E,
        "says architecture 'arm64', the image's config 'amd64'",
        lambda: says(platform("linux", "arm64")),
    ),
    ("platform-mismatch", E, "says os 'windows', the image's config 'linux'", lambda: says(platform("windows"))),
    (
        "platform-mismatch",
        E,
        "says variant 'v7', the config 'v6'",
        lambda: says(platform("linux", "arm", variant="v7"), architecture="arm", variant="v6"),
    ),
    (
        "platform-mismatch",
        W,
        "says variant 'v6', the config ''",
        lambda: says(platform("linux", "arm", variant="v6"), architecture="arm"),
    ),
    (
        "platform-mismatch",
        E,
        "says os.version '10.0.1', the config '10.0.2'",
        lambda: says(platform(**{"os.version": "10.0.1"}), **{"os.version": "10.0.2"}),
    ),
    ("platform-duplicate", W, "entries 1 and 2 are both for linux/amd64", lambda: pair(platform(), platform())),
    (
        "platform-duplicate",
        W,
        "both for linux/arm/v7",
        lambda: pair(platform("linux", "arm", variant="v7"), platform("linux", "arm", variant="v7")),
    ),
    (
        "platform-missing",
        W,
        "entry 2 of the index does not say its platform",
        lambda: pair(platform("linux", "arm64"), None),
    ),
    ("platform-missing", W, "the config does not say its architecture", lambda: configless_platform("architecture")),
    (
        "platform-missing",
        W,
        "the config does not say its os and architecture",
        lambda: configless_platform("os", "architecture"),
    ),
    (
        "platform-unnormalised",
        W,
        "the index says Linux/x86_64, which is spelled linux/amd64",
        lambda: says({"os": "Linux", "architecture": "x86_64"}),
    ),
    (
        "platform-unnormalised",
        W,
        "the config says linux/aarch64",
        lambda: edited(image(), config=lambda json: json.update(architecture="aarch64")),
    ),
    (
        "platform-unnormalised",
        W,
        "entries for arm64 and for arm64/v8",
        lambda: pair(platform("linux", "arm64", **{"os.version": "1"}), platform("linux", "arm64", variant="v8")),
    ),
    ("index-child-missing", E, "the image for linux/amd64", lambda: without(index([image()]), image().root.digest)),
    ("index-child-missing", W, "an attestation that the index lists is missing", without_attestation),
    ("attestation-orphan", W, "entry 2 attests sha256:", orphan),
    ("index-mixed-media-types", W, "an OCI index lists Docker manifests (entry 1)", mixed),
    (
        "index-mixed-media-types",
        W,
        "a Docker manifest list lists OCI manifests",
        lambda: index([image()], media_type=DOCKER_LIST),
    ),
]

LEGAL: list[tuple[str, Callable[[], Content]]] = [
    ("several platforms", lambda: build_index([image(), image(platform=ARM64), image(platform=ARM)])),
    ("attestations", lambda: build_index([image(), image(file("a"), platform=ARM64)], attest=True)),
    ("a docker list", lambda: index([image(family=Family.DOCKER)], media_type=DOCKER_LIST)),
    (
        "arm64 and arm64/v8 in index and config",
        lambda: says(platform("linux", "arm64", variant="v8"), architecture="arm64"),
    ),
    ("no platform in an index of one", lambda: index([image()], lambda json: json["manifests"][0].pop("platform"))),
    ("an artifact without a platform", lambda: index([image(), build_artifact({"x/y": b"z"})])),
    (
        "one platform in two versions of Windows",
        lambda: pair(platform("windows", **{"os.version": "1"}), platform("windows", **{"os.version": "2"})),
    ),
    (
        "gzip and zstd of one platform, as podman pushes them",
        lambda: index(
            [image(), image(file("z"))], entry(1, annotations={"io.github.containers.compression.zstd": "true"})
        ),
    ),
    ("several images in a layout, by name", lambda: index([image(), image(file("b"))], names)),
    ("an index in an index", lambda: index([build_index([image()])])),
    (
        "an index of artifacts",
        lambda: index(
            [image(), image(file("b"))],
            lambda json: json.update(
                artifactType="x/y",
                manifests=[{k: v for k, v in e.items() if k != "platform"} for e in json["manifests"]],
            ),
        ),
    ),
    ("an empty index", lambda: index([])),
]


def names(json: dict[str, Any]) -> None:
    for number, each in enumerate(json["manifests"]):
        each["annotations"] = {"org.opencontainers.image.ref.name": f"name{number}"}


@pytest.mark.parametrize(("rule", "severity", "message", "make"), BROKEN, ids=[f"{row[0]}-{row[2]}" for row in BROKEN])
def test_an_index_breaks_one_rule_and_no_other(
    rule: str, severity: Severity, message: str, make: Callable[[], Content]
) -> None:
    findings = found(make())
    assert {(each.check, each.severity) for each in findings} == {(rule, severity)}, findings
    assert message in findings[0].message, findings[0].message


@pytest.mark.parametrize("make", [row[1] for row in LEGAL], ids=[row[0] for row in LEGAL])
def test_what_is_legal_stays_clean(make: Callable[[], Content]) -> None:
    assert found(make()) == []


def test_a_nested_index_is_told_as_information() -> None:
    nested = index([build_index([image()])])
    assert ("nested-index", "info", "entry 1 of the index is an index itself") in said(nested, *document_rules())


def test_a_finding_names_the_index_and_the_image() -> None:
    base = edited(image(), config=lambda json: json.update(created=NOON))
    whole = index([base], entry(0, platform=platform("linux", "arm64")))
    (finding,) = found(whole)
    assert (finding.where.index, finding.where.manifest) == (str(whole.root.digest), str(base.root.digest))


def test_an_image_that_two_indexes_share_is_judged_in_each() -> None:
    base: BuiltImage = build_image([layer_tar(("a", "b"))], family=Family.OCI, config={"created": NOON})
    whole = index([index([base], entry(0, platform=platform("linux", "s390x"))), base])
    assert [each.check for each in found(whole)] == ["platform-mismatch"]


@pytest.mark.parametrize("attested", [None, 7, "", str(Digest.of(b"elsewhere"))])
def test_odd_attestation_annotations_are_findings_not_failures(attested: object) -> None:
    whole = index([image()], entry(0, annotations={ATTESTED_DIGEST: attested}))
    assert all("the rule itself failed" not in each.message for each in found(whole))

"""Documents and descriptors: what breaks each rule and nothing else, and its legal neighbours."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable

import pytest

from occystrap_checks.graph.annotation_spdx import is_expression
from occystrap_core.contracts.finding import Severity
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import AccessDenied, LimitExceeded, NotFound, OccystrapError, TransferError
from occystrap_core.model.media_types import DOCKER_MANIFEST, OCI_INDEX, OCI_LAYER, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    Content,
    build_artifact,
    build_attestation,
    build_image,
    build_index,
    file,
)
from occystrap_core.testing.memory import MemoryInput, StoredImage
from tests.checks.broken import NOON, configured, document_rules, edited, found, image, index, stored, without
from tests.checks.rules import findings, said

E, W = Severity.ERROR, Severity.WARNING
LICENSES = "org.opencontainers.image.licenses"
CREATED = "org.opencontainers.image.created"
SOURCE = "org.opencontainers.image.source"
BASE_DIGEST = "org.opencontainers.image.base.digest"
SUBJECT = {"mediaType": DOCKER_MANIFEST, "digest": str(Digest.of(b"")), "size": 7}


def annotated(**annotations: object) -> StoredImage:
    return annotated_with(annotations)


def annotated_with(annotations: object) -> StoredImage:
    return edited(image(), lambda json: json.update(annotations=annotations))


def layer_with(**fields: object) -> StoredImage:
    return edited(image(), lambda json: json["layers"][0].update(fields))


def layer_without(key: str) -> StoredImage:
    return edited(image(), lambda json: json["layers"][0].pop(key))


def manifest_bytes(change: Callable[[bytes], bytes]) -> StoredImage:
    base = image()
    return stored(change(base.manifest.raw), [base.config.raw], dict(base.blobs), base.root)


def config_bytes(change: Callable[[bytes], bytes]) -> StoredImage:
    base = image()
    raw = change(base.config.raw)
    manifest = json.loads(base.manifest.raw)
    manifest["config"] |= {"digest": str(Digest.of(raw)), "size": len(raw)}
    return stored(json.dumps(manifest).encode(), [raw], dict(base.blobs), base.root)


def child(**entry: object) -> StoredImage:
    """An index over one image, with other words about it."""
    return index([image()], lambda json: json["manifests"][0].update(entry))


def other_digest_of_layer() -> MemoryInput:
    base = image()
    layer = base.layers[0]
    other = gzip.compress(layer.tar, 9, mtime=1)
    assert len(other) == len(layer.blob)
    return MemoryInput(base, instead={layer.descriptor.digest: other})


def other_digest_of_manifest() -> MemoryInput:
    base = image()
    raw = base.manifest.raw.replace(b'{"schemaVersion":2,', b'{"schemaVersion":2, ')
    return MemoryInput(base, instead={base.root.digest: raw})


def same_length_other_config() -> MemoryInput:
    base = image()
    raw = base.config.raw.replace(NOON.encode(), b"2023-05-01T12:00:01Z")
    return MemoryInput(base, instead={base.config.digest: raw})


BROKEN: list[tuple[str, Severity, str, Callable[[], Content | MemoryInput]]] = [
    ("schema-version", E, "has schemaVersion 3", lambda: edited(image(), lambda json: json.update(schemaVersion=3))),
    ("schema-version", E, "has no schemaVersion", lambda: edited(image(), lambda json: json.pop("schemaVersion"))),
    (
        "schema-version",
        E,
        'the index has schemaVersion "2"',
        lambda: index([image()], lambda json: json.update(schemaVersion="2")),
    ),
    (
        "config-descriptor",
        E,
        "does not say the digest",
        lambda: edited(image(), lambda json: json["config"].pop("digest")),
    ),
    ("config-digest", E, "the config has the digest sha256:", same_length_other_config),
    (
        "config-size",
        E,
        "bytes long, the manifest says 3",
        lambda: edited(image(), lambda json: json["config"].update(size=3)),
    ),
    ("blob-digest", E, "the layer's blob has the digest sha256:", other_digest_of_layer),
    ("blob-size", E, "longer than the 5 bytes", lambda: layer_with(size=5)),
    ("blob-size", E, "its descriptor says 100000", lambda: layer_with(size=100000)),
    ("blob-digest", E, "its descriptor says", lambda: artifact_with_other_blob()),
    ("layer-media-type", E, "application/foo, which engines do not", lambda: layer_with(mediaType="application/foo")),
    ("layer-media-type", E, "v1.tar.gzip, which", lambda: layer_with(mediaType=f"{OCI_LAYER}.gzip")),
    ("layer-media-type", E, "v1.tar+xz, which engines", lambda: layer_with(mediaType=f"{OCI_LAYER}+xz")),
    (
        "layer-media-type",
        W,
        "nydus.blob.v1, which engines",
        lambda: layer_with(mediaType="application/vnd.oci.image.layer.nydus.blob.v1"),
    ),
    ("manifest-digest", E, "the manifest has the digest sha256:", other_digest_of_manifest),
    ("manifest-size", E, "bytes long, the index says 12", lambda: child(size=12)),
    ("size-negative", E, "layer 1 of the manifest has the size -1", lambda: layer_with(size=-1)),
    (
        "size-negative",
        E,
        "the config of the manifest",
        lambda: edited(image(), lambda json: json["config"].update(size=-5)),
    ),
    ("descriptor-syntax", E, "has no size", lambda: layer_without("size")),
    ("descriptor-syntax", E, "has no digest", lambda: layer_without("digest")),
    ("descriptor-syntax", E, "has no mediaType", lambda: layer_without("mediaType")),
    ("descriptor-syntax", E, 'has the size "12", which is no whole number', lambda: layer_with(size="12")),
    ("descriptor-syntax", E, "has the size true", lambda: layer_with(size=True)),
    ("descriptor-syntax", E, "as its digest, which is none", lambda: layer_with(digest="sha256:ABCDEF")),
    (
        "descriptor-syntax",
        E,
        "number 1 of the manifest's layers is no descriptor",
        lambda: edited(image(), lambda json: json.update(layers=["x"])),
    ),
    (
        "descriptor-syntax",
        E,
        "entry 1 of the index has no digest",
        lambda: index([image()], lambda json: json["manifests"][0].pop("digest")),
    ),
    (
        "manifest-fields",
        E,
        "the manifest has no layers",
        lambda: edited(build_image([], family=Family.OCI, config={"created": NOON}), lambda json: json.pop("layers")),
    ),
    ("manifest-fields", E, "manifests are null", lambda: index([image()], lambda json: json.update(manifests=None))),
    ("media-type-field", E, "calls itself", lambda: child(mediaType=OCI_INDEX)),
    (
        "media-type-field",
        E,
        "calls itself",
        lambda: edited(image(), lambda json: json.update(mediaType=DOCKER_MANIFEST)),
    ),
    (
        "media-type-field",
        E,
        "neither an image manifest nor an index",
        lambda: index(
            [edited(image(), lambda json: json.pop("mediaType"))],
            lambda json: json["manifests"][0].update(mediaType="text/plain"),
        ),
    ),
    ("media-type-field", E, "has 7 as its mediaType", lambda: edited(image(), lambda json: json.update(mediaType=7))),
    (
        "ambiguous-manifest",
        E,
        "it has manifests, as an index has, and layers",
        lambda: index([image()], lambda json: json.update(layers=[])),
    ),
    ("json-syntax", E, "byte order mark", lambda: config_bytes(lambda raw: b"\xef\xbb\xbf" + raw)),
    ("json-syntax", E, "is not JSON: Extra data", lambda: manifest_bytes(lambda raw: raw + b"x")),
    (
        "json-syntax",
        E,
        "is not UTF-8 (byte ",
        lambda: config_bytes(lambda raw: raw.replace(b'"os"', b'"x":"\xff","os"')),
    ),
    ("json-syntax", E, "it holds NaN", lambda: config_bytes(lambda raw: raw.replace(b'"os"', b'"x":NaN,"os"'))),
    (
        "json-syntax",
        E,
        "deeper than 100 levels",
        lambda: config_bytes(lambda raw: raw.replace(b'"os"', b'"x":' + b"[" * 150 + b"]" * 150 + b',"os"')),
    ),
    (
        "json-syntax",
        E,
        "is nested so deeply that no reader takes it",
        lambda: config_bytes(lambda raw: raw.replace(b'"os"', b'"x":' + b"[" * 90_000 + b"]" * 90_000 + b',"os"')),
    ),
    ("json-syntax", E, "is a list, not a JSON object", lambda: config_bytes(lambda raw: b"[]")),
    ("json-syntax", E, "is null, not a JSON object", lambda: config_bytes(lambda raw: b"null")),
    ("json-syntax", E, "is a number, not a JSON object", lambda: config_bytes(lambda raw: b"5")),
    (
        "json-duplicate-key",
        E,
        "the key 'os' twice",
        lambda: config_bytes(lambda raw: raw.replace(b'"os"', b'"os":"plan9","os"')),
    ),
    (
        "json-duplicate-key",
        E,
        "'Layers' and 'layers' in one object",
        lambda: manifest_bytes(lambda raw: raw.replace(b'"layers"', b'"Layers":[],"layers"')),
    ),
    (
        "json-number",
        W,
        "the number 1.5",
        lambda: edited(image(), config=lambda json: json.update({"com.example": 1.5})),
    ),
    (
        "json-number",
        W,
        "the number 9007199254740993",
        lambda: edited(image(), config=lambda json: json.update({"x": 2**53 + 1})),
    ),
    ("manifest-too-big", E, "registries take 4194304", lambda: annotated(big="x" * (4 << 20))),
    ("config-too-big", W, "podman, skopeo and cri-o read 4194304", lambda: configured(Labels={"big": "x" * (4 << 20)})),
    ("annotation-nonstring", E, "the annotation 'n' of the manifest is 42", lambda: annotated(n=42)),
    ("annotation-nonstring", E, "instead of an object", lambda: annotated_with(["x"])),
    ("annotation-nonstring", E, "the annotation 'n' of layer 1 is null", lambda: layer_with(annotations={"n": None})),
    ("annotation-nonstring", E, "the label 'n' of the config is true", lambda: configured(Labels={"n": True})),
    (
        "annotation-reserved",
        W,
        "'org.opencontainers.image.license' of the manifest",
        lambda: annotated_with({"org.opencontainers.image.license": "MIT"}),
    ),
    ("annotation-rfc3339", W, "'yesterday', no time by RFC 3339", lambda: annotated_with({CREATED: "yesterday"})),
    (
        "annotation-rfc3339",
        W,
        "of entry 1 is '2024-02-30T00:00:00Z'",
        lambda: child(annotations={CREATED: "2024-02-30T00:00:00Z"}),
    ),
    ("annotation-url", W, "which is no URL", lambda: annotated_with({SOURCE: "git@github.com:example/thing.git"})),
    ("annotation-spdx", W, "no SPDX expression", lambda: annotated_with({LICENSES: "Apache License 2.0"})),
    ("annotation-base-digest", W, "which is no digest", lambda: annotated_with({BASE_DIGEST: "debian:12"})),
    (
        "label-annotation-drift",
        W,
        "'v' is '1' as a label and '2' as an annotation",
        lambda: edited(
            image(),
            lambda json: json.update(annotations={"v": "2"}),
            lambda json: json["config"].update(Labels={"v": "1"}),
        ),
    ),
    ("data-field", E, "is not base64", lambda: edited(image(), lambda json: json["config"].update(data="&&"))),
    ("data-field", E, "its size says", lambda: edited(image(), lambda json: json["config"].update(data="e30="))),
    ("data-field", E, "is not the content of sha256:", lambda: data_of(lambda raw: raw[:-1] + b" ")),
    ("digest-algo-unsupported", W, "named by sha512", lambda: sha512_layer()),
    (
        "digest-algo-unsupported",
        W,
        "diff_id 1 of the config is a sha512",
        lambda: edited(
            image(),
            config=lambda json: json["rootfs"].update(diff_ids=[str(Digest.of(image().layers[0].tar, "sha512"))]),
        ),
    ),
    ("artifact-manifest-removed", W, "of the removed type", lambda: removed_artifact()),
    (
        "index-child-missing",
        E,
        "the image for linux/amd64 that the index lists is missing",
        lambda: without(index([image()]), image().root.digest),
    ),
    ("blob-missing", E, "the config is missing", lambda: without(image(), image().config.digest)),
    (
        "blob-unreadable",
        E,
        "the layer could not be read",
        lambda: without(image(), image().layers[0].descriptor.digest),
    ),
    ("document-unreadable", E, "cannot be read: the disk is full of holes", lambda: unreadable_child()),
]

LEGAL: list[tuple[str, Callable[[], Content | MemoryInput]]] = [
    ("a docker image", lambda: image(family=Family.DOCKER)),
    ("an OCI image", image),
    ("an image without layers", lambda: build_image([], family=Family.OCI, config={"created": NOON})),
    (
        "an index with attestations",
        lambda: build_index([image(), image(file("a"), platform=Platform("linux", "arm64"))], attest=True),
    ),
    ("an attestation by itself", lambda: build_attestation(image())),
    ("an artifact", lambda: build_artifact({"application/x-thing": b"x"})),
    ("an artifact without blobs", lambda: build_artifact({})),
    ("a manifest without mediaType", lambda: edited(image(), lambda json: json.pop("mediaType"))),
    ("a subject that is not there", lambda: edited(image(), lambda json: json.update(subject=SUBJECT))),
    (
        "annotations as they should be",
        lambda: annotated_with(
            {
                CREATED: "2024-05-01T10:00:00.123+02:00",
                SOURCE: "https://example.com/x",
                LICENSES: "(MIT OR Apache-2.0) AND GPL-2.0-only WITH Classpath-exception-2.0",
                BASE_DIGEST: str(Digest.of(b"")),
                "com.example": "x",
            }
        ),
    ),
    (
        "annotations left empty, as buildah writes the base of scratch",
        lambda: annotated_with({CREATED: "", SOURCE: "", LICENSES: "", BASE_DIGEST: ""}),
    ),
    ("empty annotations", lambda: annotated_with({})),
    ("null annotations", lambda: annotated_with(None)),
    (
        "a label and an annotation that agree",
        lambda: edited(
            image(),
            lambda json: json.update(annotations={"v": "1"}),
            lambda json: json["config"].update(Labels={"v": "1", "w": "2"}),
        ),
    ),
    ("keys that differ in case where nobody minds", lambda: configured(Labels={"Build": "1", "build": "2"})),
    ("the config in its descriptor", lambda: data_of(lambda raw: raw)),
    ("nanoseconds of a month", lambda: configured(Healthcheck={"Test": ["NONE"], "Interval": 2_592_000_000_000_000})),
    ("pretty JSON", lambda: manifest_bytes(lambda raw: json.dumps(json.loads(raw), indent=3).encode() + b"\n")),
    ("an encrypted layer", lambda: layer_with(mediaType=f"{OCI_LAYER}+gzip+encrypted")),
]


def test_a_signature_of_cosign_has_no_layers_to_unpack() -> None:
    """It has a config like an image's, of no system, and a layer that is JSON."""
    signature = edited(
        image(),
        lambda json: json["layers"][0].update(mediaType="application/vnd.dev.cosign.simplesigning.v1+json"),
        lambda json: json.update(os="", architecture=""),
    )
    assert findings(signature, "layer-media-type") == []


class Refusing(MemoryInput):
    """Does not give the documents of `refused`."""

    refused: tuple[Digest, ...] = ()

    def document(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest in self.refused:
            raise LimitExceeded("the disk is full of holes")
        return super().document(descriptor)


def unreadable_child() -> MemoryInput:
    base = image()
    source = Refusing(index([base]))
    source.refused = (base.root.digest,)
    return source


def artifact_with_other_blob() -> MemoryInput:
    base = build_artifact({"application/x-thing": b"x"})
    return MemoryInput(base, instead={Digest.of(b"x"): b"y"})


def data_of(change: Callable[[bytes], bytes]) -> StoredImage:
    base = image()
    data = base64.b64encode(change(base.config.raw)).decode()
    return edited(base, lambda json: json["config"].update(data=data))


def sha512_layer() -> StoredImage:
    base = image()
    layer = base.layers[0]
    digest = Digest.of(layer.blob, "sha512")
    renamed = edited(base, lambda json: json["layers"][0].update(digest=str(digest)))
    return StoredImage(renamed.root, renamed.documents, {digest: layer.blob})


def removed_artifact() -> StoredImage:
    removed = "application/vnd.oci.artifact.manifest.v1+json"
    raw = json.dumps({"mediaType": removed, "artifactType": "x/y", "blobs": []}).encode()
    return stored(raw, [], {}, Descriptor(removed, Digest.of(raw), len(raw)))


@pytest.mark.parametrize(("rule", "severity", "message", "make"), BROKEN, ids=[f"{row[0]}-{row[2]}" for row in BROKEN])
def test_an_image_breaks_one_rule_and_no_other(
    rule: str, severity: Severity, message: str, make: Callable[[], Content | MemoryInput]
) -> None:
    findings = found(make())
    assert {(each.check, each.severity) for each in findings} == {(rule, severity)}, findings
    assert message in findings[0].message, findings[0].message


@pytest.mark.parametrize("make", [row[1] for row in LEGAL], ids=[row[0] for row in LEGAL])
def test_what_is_legal_stays_clean(make: Callable[[], Content | MemoryInput]) -> None:
    assert found(make()) == []


def test_a_large_layer_is_told_from_its_descriptor() -> None:
    large = layer_with(size=(1 << 30) + 1)
    assert [(each.check, each.where.layer) for each in found(large, fast=True)] == [("large-layer", 0)]
    assert found(layer_with(size=1 << 30), fast=True) == []


def test_fast_asks_the_source_for_blobs_without_reading_them() -> None:
    source = MemoryInput(image(file("a"), file("b")))
    findings = found(source, fast=True, has_blob=lambda descriptor: False)
    assert [(each.check, each.severity, each.where.layer) for each in findings] == [("blob-missing", E, 0)]
    assert source.reads == []


@pytest.mark.parametrize("answer", [True, None])
def test_a_source_that_has_the_blobs_or_cannot_tell_is_clean(answer: bool | None) -> None:
    assert found(image(), fast=True, has_blob=lambda descriptor: answer) == []


def test_a_missing_layer_is_said_once() -> None:
    base = image()
    lost = base.layers[0].descriptor.digest
    findings = found(without(base, lost), has_blob=lambda descriptor: descriptor.digest != lost)
    assert [each.check for each in findings] == ["blob-missing"]


def test_a_layer_behind_urls_may_be_missing() -> None:
    foreign = layer_with(urls=["https://example.com/layer"])
    findings = found(foreign, fast=True, has_blob=lambda descriptor: False)
    assert [each.check for each in findings] == ["nondistributable"]


@pytest.mark.parametrize("error", [TransferError("the connection was lost"), AccessDenied("no"), NotFound("gone")])
def test_a_layer_that_cannot_be_read_is_told_from_one_that_is_damaged(error: OccystrapError) -> None:
    base = image()
    source = MemoryInput(base, fail_after={base.layers[0].descriptor.digest: 0}, error=error)
    findings = found(source)
    assert [each.check for each in findings] == ["blob-unreadable"]
    assert error.message in findings[0].message


def test_a_layer_that_breaks_off_is_told_from_one_that_cannot_be_read_at_all() -> None:
    base = image()
    source = MemoryInput(base, fail_after={base.layers[0].descriptor.digest: 10}, error=TransferError("timed out"))
    findings = found(source)
    assert [(each.check, each.severity) for each in findings] == [("layer-seekable", E)]
    assert "breaks off after 10 bytes: timed out" in findings[0].message


def test_a_source_without_documents_gets_an_error_and_a_word_about_the_rules_that_did_not_run() -> None:
    base = image()
    findings = found(without(base, base.root.digest))
    assert {(each.check, each.severity) for each in findings} == {("blob-missing", E), ("metadata", W)}


def test_what_is_well_is_said_as_information() -> None:
    docker, oci = image(family=Family.DOCKER), image()
    assert {("docker-media-type", "info"), ("schema-version", "info"), ("config-descriptor", "info")} <= informed(
        docker
    )
    assert {("oci-media-type", "info"), ("config-digest", "info"), ("config-size", "info")} <= informed(oci)
    assert ("encrypted-layer", "info") in informed(layer_with(mediaType=f"{OCI_LAYER}+gzip+encrypted"))


def informed(content: Content) -> set[tuple[str, str]]:
    return {(check, severity) for check, severity, _ in said(content, *document_rules())}


@pytest.mark.parametrize("text", ["MIT", "GPL-2.0+", "(MIT)", "A AND (B OR C WITH D)", "NOASSERTION", "LicenseRef-x"])
def test_spdx_expressions(text: str) -> None:
    assert is_expression(text)


@pytest.mark.parametrize(
    "text", ["", "MIT,BSD", "MIT BSD", "AND", "MIT AND", "(MIT", "MIT)", "()", "MIT/X11", "AND MIT"]
)
def test_what_is_no_spdx_expression(text: str) -> None:
    assert not is_expression(text)


def test_a_fault_that_a_document_repeats_is_not_repeated_without_end() -> None:
    findings = found(annotated_with({f"key{number}": number for number in range(60_000)}))
    assert len(findings) == 21
    assert findings[-1].message == "and 59980 more of these"


def test_what_an_image_says_reaches_no_message_raw() -> None:
    findings = found(annotated_with({CREATED: "\x1b[31mnow\n" + "x" * 9999}))
    assert all(each.message.isprintable() and len(each.message) < 400 for each in findings) and findings

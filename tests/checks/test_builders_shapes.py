"""What builders that no test can run write by default, put together here as they do it: no error, no warning."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from occystrap_core.contracts.finding import Severity
from occystrap_core.contracts.settings import DEFAULT_PLATFORM
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.media_types import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    BuiltImage,
    BuiltLayer,
    Content,
    build_attestation,
    build_image,
    build_index,
    build_layer,
    directory,
    file,
    hardlink,
    layer_tar,
    symlink,
    whiteout,
)
from occystrap_core.testing.memory import StoredImage
from tests.checks.rules import outcome

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\x3e\0" + bytes(44)
"""The beginning of a static program for amd64."""

NOON = "2023-05-01T12:00:00Z"
ZERO = "1970-01-01T00:00:00Z"
SYSTEM = [
    directory("bin"), directory("etc"), directory("tmp", mode=0o1777), directory("app"),
    file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/x\n"),
]  # fmt: skip
WITH_APP = [*SYSTEM, file("bin/app", ELF, mode=0o755)]
ARM64 = Platform("linux", "arm64")


def runs(*command: str, **more: Any) -> dict[str, Any]:
    return {"Entrypoint": list(command) or ["/bin/app"], "Env": ["PATH=/bin"], **more}


def buildkit(platform: Platform = DEFAULT_PLATFORM, **how: Any) -> BuiltImage:
    """With steps that make no layer, an empty layer of WORKDIR, and the config keys of its own."""
    steps = [
        {"created": NOON, "created_by": "COPY / / # buildkit", "comment": "buildkit.dockerfile.v0"},
        {"created": NOON, "created_by": "ENV PATH=/bin", "comment": "buildkit.dockerfile.v0", "empty_layer": True},
        {"created": NOON, "created_by": "WORKDIR /app", "comment": "buildkit.dockerfile.v0"},
        {"created": NOON, "created_by": "RUN /bin/sh -c rm /etc/gone # buildkit", "comment": "buildkit.dockerfile.v0"},
    ]
    machine = ELF if platform.architecture == "amd64" else ELF.replace(b"\x02\0\x3e", b"\x02\0\xb7")
    base = [*SYSTEM, file("bin/app", machine, mode=0o755)]
    layers = [layer_tar(*base, file("etc/gone", "x")), layer_tar(), layer_tar(directory("etc"), whiteout("etc/gone"))]
    config = {
        "created": NOON,
        "config": runs(WorkingDir="/app", ArgsEscaped=False),
        "moby.buildkit.cache.v0": "e30=",
        "moby.buildkit.buildinfo.v1": "e30=",
    }
    return build_image(
        layers, **{"family": Family.OCI, "history": steps, "platform": platform, "config": config, **how}
    )


def attested_as_an_artifact() -> Content:
    """Newer BuildKit: the attestation is an artifact with a subject and the empty config."""
    image = buildkit()
    old = build_attestation(image)
    empty = b"{}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.docker.attestation.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(empty)), "size": 2,
                   "data": "e30="},
        "layers": [old.layers[0].descriptor.to_json()
                   | {"annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}}],
        "subject": {"mediaType": OCI_MANIFEST, "digest": str(image.root.digest), "size": image.root.size},
    }  # fmt: skip
    attestation = Document(json.dumps(manifest).encode(), OCI_MANIFEST)
    listed = {
        "mediaType": OCI_MANIFEST,
        "digest": str(attestation.digest),
        "size": len(attestation.raw),
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {
            "vnd.docker.reference.digest": str(image.root.digest),
            "vnd.docker.reference.type": "attestation-manifest",
        },
    }
    platform = {"os": "linux", "architecture": "amd64"}
    entries = [image.root.to_json() | {"platform": platform}, listed]
    index = Document(json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode(), OCI_INDEX)
    documents = {**image.documents, attestation.digest: attestation.raw, index.digest: index.raw}
    documents[Digest.of(empty)] = empty
    return StoredImage(index.descriptor(), documents, {**image.blobs, **old.blobs})


def joined(tar: bytes) -> BuiltLayer:
    """gzip in several members, as pigz, kaniko and eStargz write it."""
    half = len(tar) // 2
    return stored(gzip.compress(tar[:half], mtime=0) + gzip.compress(tar[half:], mtime=0), tar, f"{OCI_LAYER}+gzip")


def stored(blob: bytes, tar: bytes, media_type: str) -> BuiltLayer:
    plain = build_layer(tar, family=Family.OCI)
    descriptor = replace(plain.descriptor, media_type=media_type, digest=Digest.of(blob), size=len(blob))
    return replace(plain, descriptor=descriptor, blob=blob)


def simple(*layers: bytes | BuiltLayer, created: str = NOON, **how: Any) -> BuiltImage:
    config = {"created": created, "config": runs(), **how.pop("config", {})}
    return build_image(layers or [layer_tar(*WITH_APP)], family=how.pop("family", Family.OCI), config=config, **how)


SHAPES: dict[str, Callable[[], Content]] = {
    "buildkit": buildkit,
    "buildkit, docker's media types": lambda: buildkit(family=Family.DOCKER),
    "buildx, several platforms with provenance": lambda: build_index([buildkit(), buildkit(ARM64)], attest=True),
    "buildx, provenance as an artifact": attested_as_an_artifact,
    "buildx, uncompressed": lambda: buildkit(compression=Compression.NONE),
    "kaniko: gzip in several members, one layer for all": lambda: simple(joined(layer_tar(*WITH_APP))),
    "jib: absolute names, no time, entries sorted": lambda: simple(
        layer_tar(*WITH_APP),
        layer_tar(file("/app/classes/Main.class", "x"), file("/app/libs/a.jar", "y")),
        created=ZERO,
    ),
    "ko: one program in a directory, no account": lambda: simple(
        layer_tar(directory("ko-app"), file("ko-app/app", ELF, mode=0o555)),
        created="0001-01-01T00:00:00Z",
        config={"config": runs("/ko-app/app", User="65532")},
    ),
    "bazel: no history, names with ./": lambda: simple(
        layer_tar(*[directory("./"), file("./bin/app", ELF, mode=0o755)]), created=ZERO, history=()
    ),
    "nix: links into a store, read-only, all of one second": lambda: simple(
        layer_tar(
            directory("nix", mode=0o555), directory("nix/store", mode=0o555),
            directory("nix/store/abc-app", mode=0o555),
            file("nix/store/abc-app/app", ELF, mode=0o555, mtime=1), symlink("bin", "/nix/store/abc-app"),
            hardlink("nix/store/abc-app/app2", "nix/store/abc-app/app"),
        ),
        created="1970-01-01T00:00:01Z",
        config={"config": runs("/nix/store/abc-app/app")},
    ),
    "apko: an account that runs it, annotations": lambda: simple(
        config={"config": runs(User="65534"), "author": "github.com/chainguard-dev/apko"},
        manifest={"annotations": {"org.opencontainers.image.created": NOON, "org.opencontainers.image.vendor": "me"}},
    ),
    "an image of no layers": lambda: build_image([], family=Family.OCI, config={"created": NOON}, history=()),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_clean(shape: str) -> None:
    found = [each for each in outcome(SHAPES[shape]()).findings if each.severity is not Severity.INFO]
    assert not [f"{each.check}: {each.message}" for each in found]

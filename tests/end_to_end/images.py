"""The images that these tests move about."""

from __future__ import annotations

import json
from pathlib import Path

from occystrap_core.model.media_types import Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    BuiltImage,
    BuiltIndex,
    build_image,
    build_index,
    device,
    directory,
    fifo,
    file,
    hardlink,
    layer_tar,
    symlink,
    whiteout,
)

NET_RAW = bytes.fromhex("0100000200200000" + "00" * 12)
"""The file capability that ping has."""

BASE = layer_tar(
    directory("etc", mtime=1_600_000_000),
    file("etc/motd", "hello\n", mtime=1_600_000_001),
    file("etc/gone", "soon\n", mtime=1_600_000_002),
    symlink("etc/link", "motd", mtime=1_600_000_003),
    hardlink("etc/again", "etc/motd", mtime=1_600_000_004),
    file("bin/ping", b"\x7fELF" * 999, mode=0o4755, xattrs={"security.capability": NET_RAW}),
    file("a/" + "long" * 50, "PAX", uid=3_000_000, mtime=1_600_000_005.25),
)
MIDDLE = layer_tar(
    directory("usr/share", mtime=1_600_000_010),
    file("usr/share/data", bytes(range(256)) * 1500, mtime=1_600_000_011),
    file("usr/share/größe", "ü", mtime=1_600_000_012),
    fifo("usr/pipe"),
    device("usr/null", 1, 3),
)
TOP = layer_tar(whiteout("etc/gone"), file("etc/new", "new\n", mtime=1_600_000_020))
EMPTY = layer_tar()
LAYERS = (BASE, MIDDLE, TOP, EMPTY, BASE)
"""One is empty, as an instruction like WORKDIR makes it, and one stands twice."""

_CONFIG = {"config": {"Cmd": ["/bin/ping"], "Env": ["PATH=/bin"], "Labels": {"größe": 'ü "quoted" \u2028'}}}


def image(family: Family = Family.DOCKER, layers: tuple[bytes, ...] = LAYERS, **more: object) -> BuiltImage:
    return build_image(layers, family=family, config=_CONFIG, **more)  # type: ignore[arg-type]  # handed on


IMAGE = image()
OCI_IMAGE = image(Family.OCI)


def several() -> BuiltIndex:
    """Two platforms and their attestations, as buildkit makes them."""
    arm = image(Family.OCI, (BASE, MIDDLE), platform=Platform("linux", "arm64", "v8"))
    return build_index([OCI_IMAGE, arm], attest=True)


def write_layout(path: Path, content: BuiltImage | BuiltIndex, name: str = "v1") -> str:
    """An OCI image layout of `content`; its URI."""
    folder = path / "blobs" / "sha256"
    folder.mkdir(parents=True)
    for digest, raw in {**content.blobs, **content.documents}.items():
        (folder / digest.hex).write_bytes(raw)
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    entry = {**content.root.to_json(), "annotations": {"org.opencontainers.image.ref.name": name}}
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return f"ocidir://{path}:{name}"

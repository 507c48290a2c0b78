"""Reads images with nothing but Python's own modules: what our code says of its results, this has to confirm."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import zstandard

Blob = Callable[[str], bytes]
_ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
        "oci.image.manifest.v1",
        "oci.image.index.v1",
    )
)


@dataclass(frozen=True)
class Seen:
    """An image: the exact config, and the layers as they unpack. `root` is empty where there are no manifests."""

    config: bytes
    layers: tuple[bytes, ...]
    root: str = ""
    media_types: tuple[str, ...] = ()

    @cached_property
    def diff_ids(self) -> list[str]:
        return [sha256(layer) for layer in self.layers]

    @property
    def is_consistent(self) -> bool:
        """Whether the config names the layers as they are."""
        return self.diff_ids == json.loads(self.config)["rootfs"]["diff_ids"]

    def names(self, layer: int) -> list[str]:
        with tarfile.open(fileobj=io.BytesIO(self.layers[layer])) as opened:
            return opened.getnames()


def look(uri: str) -> Seen:
    """The single image that a URI of ours names."""
    scheme, _, rest = uri.partition("://")
    target = rest.partition("?")[0]
    if scheme == "registry":
        return in_registry(target)
    if scheme == "dir":
        return in_directory(Path(target))
    if scheme == "ocidir":
        folder, _, name = target.rpartition(":")
        return in_layout(Path(folder), name)
    return in_archive(Path(target))


def in_registry(target: str) -> Seen:
    host, _, named = target.partition("/")
    repository, _, tag = named.partition(":")

    def get(path: str) -> bytes:
        request = urllib.request.Request(f"http://{host}/v2/{repository}/{path}", headers={"Accept": _ACCEPT})
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: bytes = answer.read()
            return found

    return _by_manifest(get(f"manifests/{tag}"), lambda digest: get(f"blobs/{digest}"))


def in_layout(folder: Path, name: str) -> Seen:
    blob = blobs_of(folder)
    return _by_manifest(blob(named(folder, name)["digest"]), blob)


def named(folder: Path, name: str) -> dict[str, Any]:
    """The entry of index.json that has this name."""
    entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    (entry,) = [each for each in entries if each["annotations"]["org.opencontainers.image.ref.name"] == name]
    return dict(entry)


def blobs_of(folder: Path) -> Blob:
    def blob(digest: str) -> bytes:
        raw = (folder / "blobs" / digest.replace(":", "/")).read_bytes()
        assert sha256(raw) == digest
        return raw

    return blob


def in_archive(path: Path) -> Seen:
    with tarfile.open(path) as archive:

        def member(name: str) -> bytes:
            body = archive.extractfile(name)
            assert body is not None
            return body.read()

        names = archive.getnames()
        assert len(names) == len(set(names)), "every member is there once"
        if "manifest.json" in names:
            (entry,) = json.loads(member("manifest.json"))
            return Seen(member(entry["Config"]), tuple(unpacked(member(layer)) for layer in entry["Layers"]))
        (descriptor,) = json.loads(member("index.json"))["manifests"]

        def blob(digest: str) -> bytes:
            return member("blobs/" + digest.replace(":", "/"))

        return _by_manifest(blob(descriptor["digest"]), blob)


def in_directory(folder: Path, manifest: str = "manifest.json") -> Seen:
    (entry,) = json.loads((folder / manifest).read_bytes())
    return Seen(
        (folder / entry["Config"]).read_bytes(), tuple((folder / layer).read_bytes() for layer in entry["Layers"])
    )


def unpacked(raw: bytes) -> bytes:
    """All members of a gzip file, all frames of a zstd one."""
    if raw[:2] == b"\x1f\x8b":
        return gzip.decompress(raw)
    if raw[:4] == b"\x28\xb5\x2f\xfd":
        return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read()
    return raw


def sha256(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _by_manifest(raw: bytes, blob: Blob) -> Seen:
    manifest = json.loads(raw)
    return Seen(
        blob(manifest["config"]["digest"]),
        tuple(unpacked(blob(layer["digest"])) for layer in manifest["layers"]),
        sha256(raw),
        tuple(layer["mediaType"] for layer in manifest["layers"]),
    )

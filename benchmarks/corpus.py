"""The images that are measured: one large layer, many small files, layers of real packages.

They are made without Occystrap (tarfile, gzip -6, skopeo), so that no tool meets its own work.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("git", "chromium", "openjdk-17-jre-headless", "libboost1.74-dev", "golang-1.19-src")
OCI = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the corpora are; the smoke run uses small ones."""

    large: int
    files: int
    packages: int


FULL = Scale(large=1 << 30, files=100_000, packages=5)
SMOKE = Scale(large=8 << 20, files=2_000, packages=1)


@dataclass(frozen=True, slots=True)
class Corpus:
    name: str
    layout: Path
    uncompressed: int
    gzip6: int


def make_corpora(folder: Path, scale: Scale) -> dict[str, Corpus]:
    """Made once and kept; `folder` is named after the scale."""
    packages = folder / "packages"
    tars = {
        "packages": lambda: _package_tars(packages, scale.packages),
        "large": lambda: [_large_tar(packages, folder / "large.tar", scale.large)],
        "small": lambda: [_small_tar(folder / "small.tar", scale.files)],
    }
    return {name: _corpus(name, folder / name, make) for name, make in tars.items()}


def _corpus(name: str, layout: Path, make: Callable[[], list[Path]]) -> Corpus:
    note = layout.with_suffix(".json")
    if not note.exists():
        shutil.rmtree(layout, ignore_errors=True)
        print(f"  making {name} …", flush=True)
        sizes = _write_layout(layout, make())
        note.write_text(json.dumps(sizes))
    return Corpus(name, layout, **json.loads(note.read_text()))


def _package_tars(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    tars = []
    for package in PACKAGES[:count]:
        tar = folder / f"{package}.tar"
        if not tar.exists():
            subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True)
            deb = next(folder.glob(f"{package}_*.deb"))
            with tar.open("wb") as out:
                subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], stdout=out, check=True)
        tars.append(tar)
    return tars


def _large_tar(packages: Path, target: Path, size: int) -> Path:
    """Real files under ever new directories until `size` is reached: it compresses as software does."""
    written, turn = 0, 0
    sources = sorted(packages.glob("*.tar"))
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as out:
        while written < size:
            for source in sources:
                with tarfile.open(source) as members:
                    for member in members:
                        if not member.isfile() or written >= size:
                            continue
                        content = members.extractfile(member)
                        member.name = f"opt/{turn}/{member.name.removeprefix('./')}"
                        member.size = min(member.size, size - written)
                        out.addfile(member, content)
                        written += member.size
            turn += 1
    return target


def _small_tar(target: Path, count: int) -> Path:
    generator = random.Random(7)
    words = [f"word{number}" for number in range(500)]
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as out:
        for number in range(count):
            text = " ".join(generator.choices(words, k=generator.randint(10, 160))).encode()
            kind = "pyc" if number % 10 == 0 else "txt"
            member = tarfile.TarInfo(f"srv/data/{number // 1000:03}/{number % 1000 // 100}/file{number:06}.{kind}")
            member.size, member.mtime = len(text), 1_600_000_000 + number
            out.addfile(member, io.BytesIO(text))
    return target


def _write_layout(layout: Path, tars: list[Path]) -> dict[str, int]:
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)
    layers, diff_ids = [], []
    for tar in tars:
        packed = blobs / "packing"
        with packed.open("wb") as out:
            subprocess.run(["gzip", "-6", "-n", "-c", tar], stdout=out, check=True)
        digest = _sha256(packed)
        packed.rename(blobs / digest)
        layers.append(_descriptor(f"{OCI}.layer.v1.tar+gzip", digest, (blobs / digest).stat().st_size))
        diff_ids.append(f"sha256:{_sha256(tar)}")
    history = [{"created": "2024-01-01T00:00:00Z", "created_by": f"ADD {tar.name}"} for tar in tars]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = _put(blobs, {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs, "history": history})
    body = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": _descriptor(f"{OCI}.config.v1+json", *config),
        "layers": layers,
    }
    manifest = _descriptor(f"{OCI}.manifest.v1+json", *_put(blobs, body))
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return {"uncompressed": sum(t.stat().st_size for t in tars), "gzip6": sum(layer["size"] for layer in layers)}


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def _put(blobs: Path, obj: object) -> tuple[str, int]:
    raw = json.dumps(obj).encode()
    digest = hashlib.sha256(raw).hexdigest()
    (blobs / digest).write_bytes(raw)
    return digest, len(raw)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

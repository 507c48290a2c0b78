"""docker-save archives as the many tools write them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from occystrap_core.contracts import Settings
from occystrap_core.kit.docker_archive.header import header
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import Compression
from occystrap_core.streams.codec import deflate
from occystrap_core.testing.build import build_image, build_layer, hardlink, symlink
from tests.tar_archive.archives import (
    LAYER,
    OTHER_LAYER,
    config_of,
    manifest_json,
    messages,
    opened,
    read_back,
    saved,
    transfer,
    write_archive,
    write_saved,
)

CONFIG = config_of(LAYER)
HEX = Digest.of(CONFIG).hex
DIFF = Digest.of(LAYER).hex


@pytest.mark.parametrize(
    ("config", "layer"),
    [
        (f"{HEX}.json", f"{DIFF}/layer.tar"),  # docker until 24, bazel
        (f"{HEX}.json", f"{DIFF}.tar"),  # podman, skopeo
        (f"blobs/sha256/{HEX}", f"blobs/sha256/{DIFF}"),  # docker since 25
        (f"sha256:{HEX}", f"{DIFF}.tar.gz"),  # crane, kaniko
        ("config.json", "layer.tar"),  # jib
    ],
)
@pytest.mark.parametrize("compression", list(Compression))
def test_every_naming_and_every_compression_is_read(
    tmp_path: Path, config: str, layer: str, compression: Compression
) -> None:
    blob = build_layer(LAYER, compression=compression).blob
    if layer.startswith("blobs/"):
        layer = f"blobs/sha256/{Digest.of(blob).hex}"
    path = write_archive(tmp_path / "image.tar", (config, CONFIG), (layer, blob), manifest_json(saved(config, [layer])))

    image = read_back(path)

    assert (image.config, image.layers, image.compressions) == (CONFIG, (LAYER,), (compression,))
    assert image.name == "sample:latest"


def test_the_descriptors_of_layers_are_true(tmp_path: Path) -> None:
    squeezed = gzip.compress(OTHER_LAYER)
    path = write_archive(
        tmp_path / "image.tar",
        ("config.json", config_of(LAYER, OTHER_LAYER)),
        ("plain", LAYER),
        ("squeezed", squeezed),
        manifest_json(saved("config.json", ["plain", "squeezed"])),
    )
    source = opened(path)
    manifest = json.loads(source.document(source.root()))

    assert source.root().digest == Digest.of(source.document(source.root()))
    assert [layer["digest"] for layer in manifest["layers"]] == [str(Digest.of(LAYER)), str(Digest.of(squeezed))]
    assert [layer["size"] for layer in manifest["layers"]] == [len(LAYER), len(squeezed)]
    assert [layer["mediaType"].rpartition(".")[2] for layer in manifest["layers"]] == ["tar", "gzip"]
    assert source.traits.unpacked
    source.close()


def test_a_layer_may_be_a_link_to_another_member(tmp_path: Path) -> None:
    """docker until 24 and podman write a layer that stands twice once, and link to it."""
    path = write_archive(
        tmp_path / "image.tar",
        ("config.json", config_of(LAYER, LAYER, LAYER)),
        symlink("a/layer.tar", "../b/layer.tar"),
        ("b/layer.tar", LAYER),
        hardlink("c/layer.tar", "b/layer.tar"),
        manifest_json(saved("config.json", ["a/layer.tar", "b/layer.tar", "c/layer.tar"])),
    )
    assert read_back(path).layers == (LAYER, LAYER, LAYER)


def test_members_may_begin_with_a_dot_and_a_slash(tmp_path: Path) -> None:
    name, content = manifest_json(saved("config.json", ["./layers//one.tar"]))
    path = write_archive(
        tmp_path / "image.tar", ("./config.json", CONFIG), ("./layers/one.tar", LAYER), (f"./{name}", content)
    )
    assert read_back(path).layers == (LAYER,)


def test_keys_of_manifest_json_may_be_in_lower_case(tmp_path: Path) -> None:
    listed = json.dumps([{"config": "config.json", "repoTags": ["a:b"], "layers": ["l0"]}]).encode()
    path = write_archive(tmp_path / "image.tar", ("config.json", CONFIG), ("l0", LAYER), ("manifest.json", listed))
    assert read_back(path).name == "a:b"


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("busybox:1.36", "busybox:1.36"),
        ("docker.io/library/busybox:1.36", "busybox:1.36"),
        ("localhost:5000/img:tag", "localhost:5000/img:tag"),
        ("localhost:5000/img", "localhost:5000/img:latest"),
        ("quay.io/a/b/c:v1", "quay.io/a/b/c:v1"),
        ("../../etc/passwd", "unknown:unknown"),
        ("--flag", "unknown:unknown"),
    ],
)
def test_names_are_read_as_references(tmp_path: Path, tag: str, name: str) -> None:
    assert read_back(write_saved(tmp_path / "image.tar", LAYER, tags=[tag])).name == name


@pytest.mark.parametrize("tags", [None, ()])
def test_an_image_without_a_name_is_unknown(tmp_path: Path, tags: tuple[str, ...] | None) -> None:
    path = write_archive(
        tmp_path / "image.tar", ("c", CONFIG), ("l", LAYER), manifest_json({**saved("c", ["l"]), "RepoTags": tags})
    )
    assert read_back(path).name == "unknown:unknown"


# The archive as a whole


def _zstd(data: bytes) -> bytes:
    return b"".join(bytes(chunk) for chunk in deflate((data,), Compression.ZSTD))


COMPRESSORS: list[Callable[[bytes], bytes]] = [
    gzip.compress,
    _zstd,
    lzma.compress,
    bz2.compress,
    lambda data: lzma.compress(data[:700]) + bytes(8) + lzma.compress(data[700:]),
    lambda data: bz2.compress(data[:700]) + bz2.compress(data[700:]),
]


@pytest.mark.parametrize("compress", COMPRESSORS, ids=["gz", "zst", "xz", "bz2", "two xz streams", "two bz2 streams"])
def test_a_compressed_archive_is_unpacked_first(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = write_saved(tmp_path / "image.tar", LAYER, OTHER_LAYER)
    path.write_bytes(compress(path.read_bytes()))
    assert read_back(path).layers == (LAYER, OTHER_LAYER)
    source = opened(path)
    assert source.traits.file == path
    source.close()


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    path = write_saved(tmp_path / "image.tar", LAYER)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    feeder = threading.Thread(target=fifo.write_bytes, args=(path.read_bytes(),))
    feeder.start()
    source = opened(fifo)
    feeder.join()
    assert source.traits.file is None
    layer = json.loads(source.document(source.root()))["layers"][0]
    assert layer["digest"] == str(Digest.of(LAYER))
    source.close()


@pytest.mark.parametrize("squeeze", [bytes, gzip.compress])
def test_standard_input_is_a_source(tmp_path: Path, squeeze: Callable[[bytes], bytes]) -> None:
    path = write_saved(tmp_path / "image.tar", LAYER, tags=["a:b"])
    script = """
from tests.tar_archive.archives import read_back
image = read_back("-")
print(image.name, len(image.layers))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=squeeze(path.read_bytes()),
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    assert (done.stdout, done.stderr) == (b"a:b 1\n", b"")


def test_a_regular_file_as_standard_input_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_saved(tmp_path / "image.tar", LAYER)
    with path.open("rb") as file:
        saved_input = os.dup(0)
        os.dup2(file.fileno(), 0)
        try:
            source = opened("-", settings=Settings(temp_dir=tmp_path / "does not exist"))
            source.close()
        finally:
            os.dup2(saved_input, 0)
            os.close(saved_input)


def test_layers_are_read_from_several_threads(tmp_path: Path) -> None:
    layers = [LAYER, OTHER_LAYER, *(bytes([n]) * 700_000 for n in range(6))]
    path = write_saved(tmp_path / "image.tar", *layers)
    source = opened(path)
    manifest = json.loads(source.document(source.root()))

    def read(layer: dict[str, object]) -> bytes:
        return b"".join(bytes(chunk) for chunk in source.blob(Descriptor.from_json(layer)))

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert list(pool.map(read, manifest["layers"])) == layers
    source.close()


def test_reading_back_what_was_written_gives_the_digest_that_was_reported(tmp_path: Path) -> None:
    """The manifest that a docker archive does not hold is made the same way on both sides."""
    outcome = transfer(build_image([LAYER, OTHER_LAYER]), tmp_path / "image.tar")
    assert messages(outcome.findings) == []
    assert read_back(tmp_path / "image.tar").root == str(outcome.receipt.root.digest)


def test_a_thousand_members_open_without_reading_bodies(tmp_path: Path) -> None:
    """A sparse file of 39 GiB: whoever reads bodies does not finish."""
    path = tmp_path / "image.tar"
    write_saved(path, LAYER)
    small = io.BytesIO(path.read_bytes().rstrip(b"\0"))
    with path.open("wb") as file:
        for position in range(1000):
            file.write(header(f"{position:064}/layer.tar", 40 << 20))
            file.seek(40 << 20, 1)
        file.write(small.getvalue())
        file.write(bytes(2048 + -len(small.getvalue()) % 512))
    assert path.stat().st_size > 38 << 30
    assert read_back(path).layers == (LAYER,)

"""Rules about how layers are compressed: one cause, one finding."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma

import pytest
import zstandard

from occystrap_core.model.digest import Digest
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import directory, file, layer_tar
from occystrap_core.testing.memory import MemoryInput
from tests.checks.layers_made import GZIP, PLAIN, TAR, ZSTD, image_of, messages, stored, told

GZIPPED = gzip.compress(TAR, mtime=0)
ZSTANDARD = zstandard.ZstdCompressor().compress(TAR)
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00test"
LARGE = layer_tar(file("zeros", bytes(300 << 20)))


def with_window(log: int, tar: bytes = TAR) -> bytes:
    """A frame that asks for a window of 2^log bytes, whatever it holds."""
    header = zstandard.FRAME_HEADER + bytes([0, (log - 10) << 3])
    blocks = [tar[start : start + 100_000] for start in range(0, len(tar), 100_000)]
    raw = [(len(block) << 3 | (block is blocks[-1])).to_bytes(3, "little") + block for block in blocks]
    return header + b"".join(raw)


@pytest.mark.parametrize(
    ("blob", "media_type", "expected"),
    [
        pytest.param(GZIPPED, GZIP, [], id="gzip"),
        pytest.param(ZSTANDARD, ZSTD, [], id="zstd"),
        pytest.param(TAR, PLAIN, [("uncompressed-layer", "info")], id="plain"),
        pytest.param(ZSTANDARD, GZIP, [("media-type-vs-magic", "error")], id="zstd called gzip"),
        pytest.param(GZIPPED, ZSTD, [("media-type-vs-magic", "error")], id="gzip called zstd"),
        pytest.param(GZIPPED, PLAIN, [("media-type-vs-magic", "error")], id="gzip called plain"),
        pytest.param(lzma.compress(TAR), GZIP, [("media-type-vs-magic", "error")], id="xz called gzip"),
        pytest.param(lzma.compress(TAR), PLAIN, [("media-type-vs-magic", "error")], id="xz called plain"),
        pytest.param(b"layer" * 300, GZIP, [("media-type-vs-magic", "error")], id="no gzip and no tar"),
        pytest.param(bz2.compress(TAR), GZIP, [("media-type-vs-magic", "error")], id="bzip2 called gzip"),
        pytest.param(
            gzip.compress(TAR[:700]) + gzip.compress(TAR[700:]), GZIP, [("gzip-multi-member", "info")], id="two members"
        ),
        pytest.param(GZIPPED + b"junk", GZIP, [("gzip-trailing-bytes", "error")], id="junk after gzip"),
        pytest.param(GZIPPED + bytes(512), GZIP, [("gzip-trailing-bytes", "error")], id="zeros after gzip"),
        pytest.param(GZIPPED + b"x", GZIP, [("gzip-trailing-bytes", "error")], id="one byte after gzip"),
        pytest.param(GZIPPED[:-4], GZIP, [("layer-damaged", "error")], id="gzip cut short"),
        pytest.param(GZIPPED[:-8] + bytes(8), GZIP, [("layer-damaged", "error")], id="gzip with a wrong CRC"),
        pytest.param(GZIPPED + GZIPPED[:20], GZIP, [("layer-damaged", "error")], id="second member cut short"),
        pytest.param(ZSTANDARD[:-4], ZSTD, [("layer-damaged", "error")], id="zstd cut short"),
        pytest.param(ZSTANDARD + b"junk", ZSTD, [("layer-damaged", "error")], id="junk after zstd"),
        pytest.param(ZSTANDARD + SKIPPABLE, ZSTD, [], id="skippable frame at the end"),
        pytest.param(with_window(23), ZSTD, [], id="window of 8 MiB"),
        pytest.param(with_window(24), ZSTD, [("zstd-window", "info")], id="window of 16 MiB"),
        pytest.param(with_window(28), ZSTD, [("zstd-window", "warning")], id="window of 256 MiB"),
        pytest.param(with_window(30), ZSTD, [("zstd-window", "error")], id="window of 1 GiB"),
    ],
)
def test_a_blob_as_it_is_stored(blob: bytes, media_type: str, expected: list[tuple[str, str]]) -> None:
    assert told(image_of(stored(blob, media_type))) == expected


class TestBombs:
    def test_a_layer_that_shrinks_to_almost_nothing(self) -> None:
        small = zstandard.ZstdCompressor().compress(LARGE)
        assert told(image_of(stored(small, ZSTD, LARGE))) == [("compression-bomb", "warning")]

    def test_large_content_at_an_ordinary_ratio(self) -> None:
        small = gzip.compress(LARGE[: 200 << 20] + LARGE[-1024:], 1)
        assert "compression-bomb" not in dict(told(image_of(stored(small, GZIP))))

    def test_one_beyond_the_limit_names_the_limit(self) -> None:
        header = make_entry(b"zeros", body=iter(()), size=2 << 30).raw
        compressor = zstandard.ZstdCompressor().compressobj()
        pieces = [compressor.compress(header), *(compressor.compress(bytes(1 << 24)) for _ in range(65))]
        image = image_of(stored(b"".join([*pieces, compressor.flush()]), ZSTD))
        assert told(image) == [("compression-bomb", "error")]
        assert "the limit is 1100 times" in messages(image, "compression-bomb")[0]


class TestWrongBlobs:
    """A blob that is not the one named: the rules about blobs speak, and nobody else."""

    IMAGE = image_of(TAR)
    DESCRIPTOR = IMAGE.layers[0].descriptor
    BLOB = IMAGE.layers[0].blob

    @pytest.mark.parametrize("place", [12, 20, 40, -10, -6, -2])
    def test_a_bit_flip_is_one_finding(self, place: int) -> None:
        flipped = bytearray(self.BLOB)
        flipped[place] ^= 4
        source = MemoryInput(self.IMAGE, instead={self.DESCRIPTOR.digest: bytes(flipped)})
        assert told(source) == [("blob-digest", "error")]

    def test_another_layer_in_its_place(self) -> None:
        other = gzip.compress(layer_tar(file("../evil", "x" * 10)), mtime=0).ljust(self.DESCRIPTOR.size, b"\0")
        source = MemoryInput(self.IMAGE, instead={self.DESCRIPTOR.digest: other[: self.DESCRIPTOR.size]})
        assert told(source) == [("blob-digest", "error")]

    @pytest.mark.parametrize("blob", [BLOB[:-10], BLOB[:3], b"", BLOB + b"x", BLOB * 3])
    def test_another_length_is_one_finding(self, blob: bytes) -> None:
        source = MemoryInput(self.IMAGE, instead={self.DESCRIPTOR.digest: blob})
        assert told(source) == [("blob-size", "error")]

    def test_a_broken_connection(self) -> None:
        source = MemoryInput(self.IMAGE, fail_after={self.DESCRIPTOR.digest: 20})
        assert told(source) == [("layer-seekable", "error")]

    def test_a_blob_that_is_not_there(self) -> None:
        source = MemoryInput(self.IMAGE)
        source._blobs.clear()
        assert told(source) == [("blob-unreadable", "error")]


class TestEstargz:
    def layer(self, names: list[str], *, digest: str = "", toc: bytes = b"", with_toc: bool = True) -> object:
        toc = toc or json.dumps({"version": 1, "entries": [{"name": name, "type": "reg"} for name in names]}).encode()
        members = [directory("etc"), file("etc/motd", "hello"), file(".no.prefetch.landmark", "\x0f")]
        tar = layer_tar(*members, *([file("stargz.index.json", toc)] if with_toc else []))
        annotations = {"containerd.io/snapshot/stargz/toc.digest": digest or str(Digest.of(toc))}
        return image_of(stored(gzip.compress(tar), GZIP, tar, annotations))

    NAMES = ("etc/", "etc/motd", ".no.prefetch.landmark")

    def test_a_table_behind_the_end_of_the_archive_as_buildkit_writes_it(self) -> None:
        toc = json.dumps({"version": 1, "entries": [{"name": "etc/", "type": "dir"}]}).encode()
        tar = layer_tar(directory("etc")) + layer_tar(file("stargz.index.json", toc))
        annotations = {"containerd.io/snapshot/stargz/toc.digest": str(Digest.of(toc))}
        assert told(image_of(stored(gzip.compress(tar), GZIP, tar, annotations))) == []
        wrong = {"containerd.io/snapshot/stargz/toc.digest": str(Digest.of(b""))}
        assert told(image_of(stored(gzip.compress(tar), GZIP, tar, wrong))) == [("estargz-toc", "warning")]

    def test_a_table_that_agrees(self) -> None:
        assert told(self.layer([*self.NAMES])) == []

    @pytest.mark.parametrize(
        ("how", "message"),
        [
            ({"digest": f"sha256:{'0' * 64}"}, "the annotation says sha256:000"),
            ({"with_toc": False}, "which the layer does not have"),
            ({"toc": b"no json"}, "is not the JSON"),
            ({"names": ["etc/", ".no.prefetch.landmark"]}, "does not list etc/motd"),
        ],
    )
    def test_one_that_does_not(self, how: dict[str, object], message: str) -> None:
        image = self.layer(**{"names": [*self.NAMES], **how})
        assert told(image) == [("estargz-toc", "warning")]
        assert message in messages(image, "estargz-toc")[0]


POSITION = "io.github.containers.zstd-chunked.manifest-position"
CHECKSUM = "io.github.containers.zstd-chunked.manifest-checksum"
SOUND = {POSITION: "10:20:300:1", CHECKSUM: str(Digest.of(ZSTANDARD[10:30]))}
OF_OLD = {key.replace("io.github.", "io."): value for key, value in SOUND.items()}


class TestZstdChunked:
    def test_annotations_that_lead_into_the_layer(self) -> None:
        assert told(image_of(stored(ZSTANDARD, ZSTD, annotations=SOUND))) == []
        assert told(image_of(stored(ZSTANDARD, ZSTD, annotations=OF_OLD))) == []

    @pytest.mark.parametrize("prefix", ["io.github.containers.", "io.containers."])
    def test_another_table_than_is_annotated(self, prefix: str) -> None:
        notes = {**SOUND, CHECKSUM: f"sha256:{'a' * 64}"}
        notes = {key.replace("io.github.containers.", prefix): value for key, value in notes.items()}
        image = image_of(stored(ZSTANDARD, ZSTD, annotations=notes))
        assert told(image) == [("zstd-chunked-checksum", "warning")]
        [message] = messages(image, "zstd-chunked-checksum")
        assert message == (
            f"what stands for a table of contents is {SOUND[CHECKSUM]}, the annotation says sha256:{'a' * 64}"
        )

    @pytest.mark.parametrize(
        ("also", "message"),
        [
            ({POSITION: "10:9999:300:1"}, "would end at byte 10009"),
            ({POSITION: "ten"}, "not four numbers"),
            ({POSITION: "10:20:99999999:1"}, "more than the 50.0 MiB"),
            ({CHECKSUM: "none"}, "is no digest"),
            ({"containerd.io/snapshot/stargz/toc.digest": ""}, "as zstd:chunked and as eStargz"),
        ],
    )
    def test_annotations_that_do_not(self, also: dict[str, str], message: str) -> None:
        image = image_of(stored(ZSTANDARD, ZSTD, annotations={**SOUND, **also}))
        assert told(image) == [("zstd-chunked-toc", "warning")]
        assert message in messages(image, "zstd-chunked-toc")[0]


def test_an_empty_blob_is_called_empty() -> None:
    assert messages(image_of(stored(b"", GZIP)), "media-type-vs-magic") == [
        f"the layer is empty, its media type {GZIP} says gzip data"
    ]

"""Images that are damaged or made to harm: refused in one line, or carried as data, but never believed."""

from __future__ import annotations

import gzip
import json
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from occystrap_core.contracts.entry import SYMLINK
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.media_types import OCI_LAYER, Compression, Family
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import (
    BuiltImage,
    BuiltIndex,
    BuiltLayer,
    Content,
    build_image,
    build_index,
    build_layer,
    directory,
    file,
    hardlink,
    layer_tar,
    symlink,
)
from occystrap_core.testing.registry import EmbeddedRegistry
from tests.cli.conftest import Ran
from tests.end_to_end import witness
from tests.end_to_end.conftest import Run
from tests.end_to_end.images import write_layout
from tests.tar_archive.archives import config_of, manifest_json, saved, write_archive

LAYER = layer_tar(directory("etc"), file("etc/motd", "hello\n"))
NORMALIZE = "-f", "normalize-timestamps:ts=1"
Refused = Callable[..., str]


@pytest.fixture
def refused(run: Run, tmp_path: Path) -> Refused:
    """The one line that a run ends with, which exits with 3 and leaves nothing behind."""

    def refuse(source: str, *more: str, side: str = "source", destination: str = "") -> str:
        ran = run("process", source, destination or f"tar://{tmp_path}/out.tar", *more)
        assert (ran.code, ran.out) == (3, "")
        assert ran.err.startswith(f"Error: {side}: "), ran.err
        assert ran.err.count("\n") == 1
        assert "internal error" not in ran.err
        assert not list(tmp_path.glob("out*"))
        assert not list(tmp_path.glob(".out*"))
        return ran.err

    return refuse


def carried(run: Run, tmp_path: Path, image: BuiltImage | BuiltIndex, *more: str) -> witness.Seen:
    """Through a filter to another layout, verified to the last byte."""
    ran = run("process", write_layout(tmp_path / "in", image), f"ocidir://{tmp_path}/out:v1", "--verify-full", *more)
    assert ran.code == 0, ran.err
    return witness.in_layout(tmp_path / "out", "v1")


def with_manifest(image: BuiltImage, **also: Any) -> BuiltImage:
    """The image with other keys in its manifest, correctly named by its digest."""
    return renamed(image, json.dumps({**image.manifest.json, **also}).encode())


def renamed(image: BuiltImage, raw: bytes) -> BuiltImage:
    document = Document(raw, image.root.media_type)
    return BuiltImage(replace(image.root, digest=Digest.of(raw), size=len(raw)), document, image.config, image.layers)


def with_blob(tar: bytes, blob: bytes, compression: Compression = Compression.GZIP) -> BuiltImage:
    layer = build_layer(tar, family=Family.OCI, compression=compression)
    descriptor = replace(layer.descriptor, digest=Digest.of(blob), size=len(blob))
    return build_image([BuiltLayer(descriptor, blob, tar, layer.diff_id)], family=Family.OCI)


def member(called: str, body: bytes, **sparse: int | str) -> bytes:
    """An entry as Python's tarfile writes it, with the PAX records that describe a sparse file."""
    info = tarfile.TarInfo(called)
    info.size = len(body)
    info.pax_headers = {f"GNU.sparse.{key}": str(value) for key, value in sparse.items()}
    return info.tobuf(tarfile.PAX_FORMAT) + body + bytes(-len(body) % 512)


SPARSE = {"major": 1, "minor": 0, "name": "huge"}
IMAGE = build_image([LAYER], family=Family.OCI)


class TestTar:
    """Rows 18 to 24: what Go's reader takes is carried, what it refuses is refused."""

    @pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
    def test_a_header_that_claims_gigabytes(self, refused: Refused, tmp_path: Path, kind: bytes) -> None:
        claiming = bytearray(member("claim", b"10 path=a\n"))
        claiming[124:136] = b"%011o\0" % (5 << 30)
        claiming[156:157] = kind
        refused(write_layout(tmp_path / "in", build_image([checksummed(claiming)])), *NORMALIZE)

    def test_a_sparse_file_of_a_terabyte_costs_nothing(self, run: Run, tmp_path: Path) -> None:
        tar = member("x", b"1\n0\n5\n".ljust(512, b"\0") + b"12345", **SPARSE, realsize=1 << 40) + bytes(1024)
        started = time.monotonic()
        assert carried(run, tmp_path, build_image([tar], family=Family.OCI), *NORMALIZE).is_consistent
        assert time.monotonic() - started < 10

    def test_a_sparse_map_without_end(self, refused: Refused, tmp_path: Path) -> None:
        body = b"300000\n" + b"".join(b"%d\n1\n" % (2 * n) for n in range(300_000))
        tar = member("x", body, **SPARSE, realsize=600_000) + bytes(1024)
        assert "sparse" in refused(write_layout(tmp_path / "in", build_image([tar])), *NORMALIZE)

    @pytest.mark.parametrize("size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"-0000000001\0", b"77777777777\0"])
    def test_sizes_that_cannot_be(self, refused: Refused, tmp_path: Path, size: bytes) -> None:
        header = bytearray(make_entry(b"a", body=b"x").raw)
        header[124:136] = size
        refused(write_layout(tmp_path / "in", build_image([checksummed(header) + bytes(2048)])), *NORMALIZE)

    def test_a_hundred_thousand_entries_take_linear_time(self, run: Run, tmp_path: Path) -> None:
        block = make_entry(b"some/file/or/other", body=b"").raw
        tar = block * 100_000 + bytes(1024)
        started = time.monotonic()
        ran = run("process", write_layout(tmp_path / "in", build_image([tar])), f"tar://{tmp_path}/a.tar", *NORMALIZE)
        assert ran.code == 0, ran.err
        assert time.monotonic() - started < 20

    def test_folders_nested_two_thousand_deep(self, run: Run, tmp_path: Path) -> None:
        deep = layer_tar(*(directory("/".join(["d"] * depth)) for depth in range(1, 1900, 50)))
        seen = carried(run, tmp_path, build_image([deep], family=Family.OCI), "-f", "exclude:pattern=**/x/**")
        assert len(seen.names(0)[-1]) > 3000

    def test_names_are_bytes_and_are_shown_harmlessly(self, run: Run, tmp_path: Path) -> None:
        names = [
            b"esc\x1b[31mred", b"new\nline", b"carriage\rreturn", b"bidi\xe2\x80\xaetxt", b"c1\xc2\x9b31m",
            b"latin\xe9", b"nfd\x65\xcc\x81", b"nfc\xc3\xa9", b"x" * 300, b"bell\x07",
        ]  # fmt: skip
        image = build_image([layer_tar(*(make_entry(name, body=b"1") for name in names))], family=Family.OCI)
        layout = write_layout(tmp_path / "in", image)
        ran = run("process", layout, f"ocidir://{tmp_path}/out:v1", "-f", "search:pattern=*", *NORMALIZE)
        assert ran.code == 0, ran.err
        assert len(ran.out.splitlines()) == 1 + len(names) + 2, "a name is never more than a line"
        assert not set("\x1b\r\x07\u202e\u009b") & set(ran.out)
        for shown in (
            r"esc\x1b[31mred",
            r"new\nline",
            r"carriage\rreturn",
            r"bidi\u202etxt",
            r"c1\x9b31m",
            r"latin\xe9",
        ):
            assert shown in ran.out
        raw = witness.in_layout(tmp_path / "out", "v1").layers[0]
        assert all(name in raw for name in names)

    @pytest.mark.parametrize("harm", ["truncated", "bad checksum", "garbage inside", "garbage after"])
    def test_a_damaged_tar(self, run: Run, refused: Refused, tmp_path: Path, harm: str) -> None:
        whole = layer_tar(file("a", "1" * 700), file("b", "2"))
        tar = {
            "truncated": whole[:700],
            "bad checksum": whole[:100] + b"\xff" + whole[101:],
            "garbage inside": whole[:1536] + b"\xee" * 512 + whole[1536:],
            "garbage after": whole + b"secret" * 100,
        }[harm]
        image = build_image([tar], family=Family.OCI)
        if harm == "garbage after":
            # Go stops at the end mark; what follows is kept, for the digest's sake, but means nothing.
            assert carried(run, tmp_path, image, *NORMALIZE).layers[0].endswith(b"secret" * 100)
        else:
            refused(write_layout(tmp_path / "in", image), *NORMALIZE)

    @pytest.mark.parametrize("compression", list(Compression))
    def test_compressed_streams_cut_or_continued(
        self, run: Run, refused: Refused, tmp_path: Path, compression: Compression
    ) -> None:
        blob = build_layer(LAYER, compression=compression).blob
        for number, harmed in enumerate((blob[: len(blob) // 3], blob + b"trailing garbage")):
            if compression is Compression.NONE and number:
                continue
            tar = harmed if compression is Compression.NONE else LAYER
            refused(write_layout(tmp_path / str(number), with_blob(tar, harmed, compression)), *NORMALIZE)

    def test_a_gzip_checksum_that_is_wrong(self, refused: Refused, tmp_path: Path) -> None:
        blob = bytearray(gzip.compress(LAYER))
        blob[-8] ^= 1
        refused(write_layout(tmp_path / "in", with_blob(LAYER, bytes(blob))), *NORMALIZE)

    def test_links_and_devices_are_data(self, run: Run, tmp_path: Path) -> None:
        """Nothing is unpacked here: what would be an attack there arrives as it was."""
        tar = layer_tar(
            file("../../escape", "x"), file("/etc/absolute", "x"), symlink("link", "/etc"), file("link/passwd", "x"),
            hardlink("hard", "/etc/shadow"), file(".wh..", ""), file(".wh.", ""), symlink(".", "/"),
        )  # fmt: skip
        seen = carried(run, tmp_path, build_image([tar], family=Family.OCI), *NORMALIZE)
        assert [name.encode() in seen.layers[0] for name in ("../../escape", "/etc/absolute", ".wh..")] == [True] * 3
        assert not (tmp_path.parent / "escape").exists()


class TestWindows:
    def test_a_zstd_window_of_two_gigabytes(self, refused: Refused, tmp_path: Path) -> None:
        frame = b"\x28\xb5\x2f\xfd" + bytes([0x00, (31 - 10) << 3]) + b"\x01\x00\x00"
        refused(write_layout(tmp_path / "in", with_blob(b"", frame, Compression.ZSTD)), *NORMALIZE)

    def test_a_window_of_128_megabytes_is_read(self, run: Run, tmp_path: Path) -> None:
        parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
        blob = zstandard.ZstdCompressor(compression_params=parameters).compress(LAYER)
        seen = carried(run, tmp_path, with_blob(LAYER, blob, Compression.ZSTD), *NORMALIZE)
        assert seen.names(0) == ["etc", "etc/motd"]


class TestJson:
    @pytest.mark.parametrize(
        ("raw", "says"),
        [
            (b'{"schemaVersion":2,"config":{},"config":{}}', "twice"),
            (b'{"schemaVersion":2,"layers":[],"Layers":[]}', "readers disagree"),
            (b"[" * 5000 + b"]" * 5000, "nested deeper"),
            (b'{"schemaVersion":' + b"1" * 200_000 + b"}", "digits"),
            (b'{"schemaVersion":NaN}', "NaN"),
            (b'{"schemaVersion":1e999}', "number"),
            ('{"schemaVersion":2}'.encode("utf-16"), "UTF-8"),
            (b"\xef\xbb\xbf{}", "not valid JSON"),
            (b"{", "not valid JSON"),
            (b"null", "must be a JSON object"),
            (b"[]", "must be a JSON object"),
            (b"", "not valid JSON"),
            (b'{"x":"' + b"y" * (5 << 20) + b'"}', "4194304 bytes"),
        ],
        ids=lambda value: str(value)[:30],
    )
    @pytest.mark.parametrize("where", ["manifest", "config", "registry"])
    def test_documents_that_are_none(self, refused: Refused, tmp_path: Path, where: str, raw: bytes, says: str) -> None:
        image = renamed(IMAGE, raw)
        if where == "config":
            config = Descriptor(IMAGE.config.media_type, Digest.of(raw), len(raw))
            image = with_manifest(IMAGE, config=config.to_json())
            image = BuiltImage(image.root, image.manifest, Document(raw, IMAGE.config.media_type), image.layers)
        if where != "registry":
            assert says in refused(write_layout(tmp_path / "in", image))
            return
        with EmbeddedRegistry() as registry:
            repository = registry.store.repository("a")
            repository.manifests[str(image.root.digest)] = raw, image.root.media_type
            repository.tags["latest"] = str(image.root.digest)
            assert says in refused(f"registry://{registry.host}/a")

    @pytest.mark.parametrize(
        ("also", "says"),
        [
            ({"manifests": []}, "ambiguous"),
            ({"mediaType": "application/vnd.oci.image.index.v1+json"}, "calls itself"),
            ({"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}, "calls itself"),
            ({"mediaType": 7}, "calls itself"),
            ({"schemaVersion": 1}, "schema version 1"),
            ({"config": None}, "config"),
            ({"config": []}, "config"),
            ({"layers": None}, "layers must be a list"),
            ({"layers": {}}, "layers must be a list"),
            ({"layers": [None]}, "layer 0"),
            ({"layers": []}, "lists 0 layers, its config 1 diff_ids"),
            ({"layers": [{"mediaType": 5, "digest": "x", "size": 1}]}, "mediaType must be a string"),
        ],
        ids=str,
    )
    def test_manifests_of_a_wrong_shape(
        self, refused: Refused, tmp_path: Path, also: dict[str, Any], says: str
    ) -> None:
        assert says in refused(write_layout(tmp_path / "in", with_manifest(IMAGE, **also)))

    @pytest.mark.parametrize(
        "config",
        [
            {}, {"rootfs": None}, {"rootfs": {"diff_ids": None}}, {"rootfs": {"diff_ids": ["x"]}},
            {"rootfs": {"diff_ids": [str(Digest.of(LAYER))] * 2}}, {"rootfs": {"diff_ids": [7]}},
            {"rootfs": {"diff_ids": [str(Digest.of(b"other"))]}}, {"rootfs": [], "history": 7},
        ],
        ids=str,
    )  # fmt: skip
    def test_configs_that_do_not_fit(self, refused: Refused, tmp_path: Path, config: dict[str, Any]) -> None:
        document = Document(
            json.dumps({"os": "linux", "architecture": "amd64", **config}).encode(), IMAGE.config.media_type
        )
        image = with_manifest(IMAGE, config=document.descriptor().to_json())
        refused(write_layout(tmp_path / "in", BuiltImage(image.root, image.manifest, document, image.layers)))

    def test_history_that_makes_no_sense_is_carried(self, run: Run, tmp_path: Path) -> None:
        """It is a note for people; no layer depends on it."""
        for number, history in enumerate(([], [{}], [{"created_by": 7, "created": "yesterday"}] * 9)):
            image = build_image([LAYER], family=Family.OCI, history=history)
            folder = tmp_path / str(number)
            inspect = "-f", f"inspect:file={tmp_path}/{number}.jsonl"
            assert carried(run, folder, image, *NORMALIZE, *inspect).is_consistent

    def test_labels_and_commands_are_data(self, run: Run, tmp_path: Path) -> None:
        config = {
            "User": "../../root",
            "WorkingDir": "/proc/self/fd/8",
            "Volumes": {"/../..": {}},
            "Labels": {"\x1b[2J": "\x07"},
        }
        image = build_image([LAYER], family=Family.OCI, config={"config": config})
        assert json.loads(carried(run, tmp_path, image, *NORMALIZE).config)["config"] == config


class TestDigests:
    @pytest.mark.parametrize(
        "digest",
        [
            "sha256:../../../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "a" * 32, "", "sha256:", "sha256:abc",
            "sha256:" + "a" * 63 + "/", "SHA256:" + "a" * 64, None, 7, ["sha256:" + "a" * 64],
            "sha256:" + "a" * 64 + "\n",
        ],
        ids=repr,
    )  # fmt: skip
    @pytest.mark.parametrize("where", ["layer", "config", "root"])
    def test_a_digest_is_checked_before_it_becomes_a_path(
        self, refused: Refused, tmp_path: Path, where: str, digest: object
    ) -> None:
        bad = {"mediaType": OCI_LAYER, "digest": digest, "size": 1}
        image = IMAGE
        if where == "layer":
            image = with_manifest(IMAGE, layers=[bad])
        if where == "config":
            image = with_manifest(IMAGE, config={**bad, "mediaType": IMAGE.config.media_type})
        source = write_layout(tmp_path / "in", image)
        if where == "root":
            entry = {**bad, "mediaType": IMAGE.root.media_type}
            (tmp_path / "in/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
            source = source.removesuffix(":v1")
        assert "digest" in refused(source)

    @pytest.mark.parametrize("size", [-1, 1.5, "9", None, True, 1 << 70, 0, 10**9])
    @pytest.mark.parametrize("where", ["layers", "config"])
    def test_sizes_that_lie(self, refused: Refused, tmp_path: Path, where: str, size: object) -> None:
        found = IMAGE.manifest.json[where]
        lying = [{**found[0], "size": size}] if where == "layers" else {**found, "size": size}
        refused(write_layout(tmp_path / "in", with_manifest(IMAGE, **{where: lying})))

    @pytest.mark.parametrize("kind", ["tar", "ocidir", "dir"])
    @pytest.mark.parametrize("which", ["layer", "config", "manifest"])
    @pytest.mark.parametrize("filters", [(), NORMALIZE], ids=["unfiltered", "filtered"])
    def test_content_that_is_not_what_its_digest_says(
        self, refused: Refused, tmp_path: Path, kind: str, which: str, filters: tuple[str, ...]
    ) -> None:
        source = write_layout(tmp_path / "in", IMAGE)
        digest = {"layer": IMAGE.layers[0].descriptor, "config": IMAGE.config.descriptor(), "manifest": IMAGE.root}[
            which
        ].digest
        path = tmp_path / "in/blobs/sha256" / digest.hex
        other = build_layer(LAYER + bytes(512)).blob if which == "layer" else path.read_bytes().swapcase()
        size = path.stat().st_size
        path.write_bytes(other[:size].ljust(size, b" "))
        refused(source, *filters, destination=f"{kind}://{tmp_path}/out")

    def test_a_manifest_asked_for_by_digest_is_that_manifest(self, refused: Refused, tmp_path: Path) -> None:
        """Whatever the registry's header claims."""
        other = build_image([layer_tar(file("other"))], family=Family.OCI)
        with EmbeddedRegistry() as registry:
            registry.add(IMAGE, "a")
            registry.add(other, "a")
            repository = registry.store.repository("a")
            repository.manifests[str(IMAGE.root.digest)] = other.manifest.raw, other.root.media_type
            refused(f"registry://{registry.host}/a@{IMAGE.root.digest}")

    def test_inlined_data_that_lies_is_not_used(self, run: Run, refused: Refused, tmp_path: Path) -> None:
        lying = {**IMAGE.manifest.json["config"], "data": "e30="}
        image = with_manifest(IMAGE, config=lying)
        ran = run("process", write_layout(tmp_path / "in", image), f"tar://{tmp_path}/a.tar")
        assert ran.code in (0, 3)
        if ran.code == 0:
            assert witness.in_archive(tmp_path / "a.tar").config == IMAGE.config.raw


class TestLayoutsAndArchives:
    @pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "", "c/../../x", "\x00", "missing"])
    @pytest.mark.parametrize("where", ["Config", "Layers"])
    def test_members_are_looked_for_inside_only(self, refused: Refused, tmp_path: Path, where: str, name: str) -> None:
        entry = saved("c", ["l"])
        entry[where] = name if where == "Config" else [name]
        write_archive(tmp_path / "in.tar", ("c", config_of(LAYER)), ("l", LAYER), manifest_json(entry))
        refused(f"tar://{tmp_path}/in.tar")

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "l", "m"])
    def test_links_in_an_archive_do_not_leave_it(self, refused: Refused, tmp_path: Path, target: str) -> None:
        links = [make_entry(b"l", SYMLINK, linkname=target.encode()), make_entry(b"m", SYMLINK, linkname=b"l")]
        write_archive(tmp_path / "in.tar", ("c", config_of(LAYER)), *links, manifest_json(saved("c", ["l"])))
        refused(f"tar://{tmp_path}/in.tar")

    @pytest.mark.parametrize("what", ["blob", "index.json", "oci-layout", "blobs", "sha256"])
    def test_links_in_a_layout_are_not_followed(self, refused: Refused, tmp_path: Path, what: str) -> None:
        source = write_layout(tmp_path / "in", IMAGE)
        blobs = tmp_path / "in/blobs"
        path = {
            "blob": blobs / "sha256" / IMAGE.layers[0].descriptor.digest.hex,
            "blobs": blobs,
            "sha256": blobs / "sha256",
        }.get(what, tmp_path / "in" / what)
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
        assert "which is a link" in refused(source)

    @pytest.mark.parametrize("content", ["null", "[]", "7", '{"manifests":7}', '{"manifests":[7]}', "{", ""])
    @pytest.mark.parametrize("which", ["index.json", "oci-layout", "manifest.json"])
    def test_entry_documents_of_a_wrong_shape(self, refused: Refused, tmp_path: Path, which: str, content: str) -> None:
        if which == "manifest.json":
            members = ("c", config_of(LAYER)), ("l", LAYER), ("manifest.json", content)
            write_archive(tmp_path / "in.tar", *members)
            refused(f"tar://{tmp_path}/in.tar")
            return
        source = write_layout(tmp_path / "in", IMAGE)
        (tmp_path / "in" / which).write_text(content)
        refused(source)

    @pytest.mark.parametrize("name", ["../../x", "-rf", "a b", "UPPER", "\x1b[31m", "x" * 500, "a/../../b:c"])
    @pytest.mark.parametrize("kind", ["tar", "dir", "ocidir"])
    def test_names_of_images_are_not_paths(self, run: Run, tmp_path: Path, kind: str, name: str) -> None:
        """They are not references, and so are left out; nothing is written elsewhere."""
        members = ("c", config_of(LAYER)), ("l", LAYER), manifest_json(saved("c", ["l"], [name]))
        write_archive(tmp_path / "in.tar", *members)
        ran = run(
            "process", f"tar://{tmp_path}/in.tar", f"{kind}://{tmp_path}/out?{'unique_names=true' * (kind == 'dir')}"
        )
        assert "\x1b" not in ran.err
        assert ran.code in (0, 3), ran.err
        assert {path.name for path in tmp_path.iterdir()} <= {"in.tar", "out", "home", "cache", "config"}

    def test_an_index_of_indexes_of_indexes(self, run: Run, refused: Refused, tmp_path: Path) -> None:
        def nested(depth: int) -> Content:
            tree: BuiltImage | BuiltIndex = IMAGE
            for _ in range(depth):
                tree = build_index([tree])
            return tree

        assert "nested deeper" in refused(write_layout(tmp_path / "64", nested(64)))  # type: ignore[arg-type]
        ran = run("process", write_layout(tmp_path / "3", nested(3)), f"tar://{tmp_path}/out.tar")  # type: ignore[arg-type]
        assert ran.code == 0, ran.err

    def test_an_index_of_thousands(self, refused: Refused, tmp_path: Path) -> None:
        """Each without a platform, so that each would have to be fetched to know."""
        children = [build_image([layer_tar(file(str(n)))], family=Family.OCI) for n in range(1100)]
        entries = [child.root.to_json() for child in children]
        index = build_index(children, also={"manifests": entries})
        assert "more than" in refused(write_layout(tmp_path / "in", index))

    def test_two_ways_to_read_a_name(self, run: Run, tmp_path: Path) -> None:
        """Two entries of one name: which is meant cannot be known."""
        write_layout(tmp_path / "in", IMAGE)
        other = build_image([layer_tar(file("other"))], family=Family.OCI)
        for digest, raw in {**other.blobs, **other.documents}.items():
            (tmp_path / "in/blobs/sha256" / digest.hex).write_bytes(raw)
        notes = {"org.opencontainers.image.ref.name": "v1"}
        entries = [{**each.root.to_json(), "annotations": notes} for each in (IMAGE, other)]
        (tmp_path / "in/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
        ran = run("process", f"ocidir://{tmp_path}/in:v1", f"tar://{tmp_path}/a.tar")
        assert_one_line(ran)
        assert ran.code != 0


def assert_one_line(ran: Ran) -> None:
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1


def checksummed(header: bytearray) -> bytes:
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)

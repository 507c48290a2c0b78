"""What the previous tool did wrong, each under the name of what must not come back."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from occystrap_core.contracts.entry import SYMLINK
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import (
    BuiltImage,
    BuiltIndex,
    BuiltLayer,
    build_image,
    build_index,
    build_layer,
    file,
    layer_tar,
)
from occystrap_core.testing.registry import BasicGate, EmbeddedRegistry, Fault, TokenGate
from tests.end_to_end import witness
from tests.end_to_end.conftest import Run
from tests.end_to_end.images import BASE, IMAGE, LAYERS, MIDDLE, TOP, write_layout
from tests.peers import require_root, run_cli
from tests.tar_archive.archives import config_of, manifest_json, saved, write_archive

NORMALIZE = ("-f", "normalize-timestamps")


@pytest.fixture
def embedded() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture
def process(run: Run) -> Callable[..., dict[str, object]]:
    """A run that must succeed, and its result."""

    def succeed(source: str, destination: str, *more: str | Path) -> dict[str, object]:
        ran = run("process", source, destination, "--verify-full", "-O", "json", *more)
        assert ran.code == 0, ran.err
        result: dict[str, object] = json.loads(ran.out)
        return result

    return succeed


Process = Callable[..., dict[str, object]]


def with_blob(image: BuiltImage, position: int, blob: bytes) -> BuiltImage:
    """The image with another stored form of one layer."""
    old = image.layers[position]
    layer = build_layer(old.tar)
    layers = list(image.layers)
    descriptor = layer.descriptor.__class__(old.descriptor.media_type, old.descriptor.digest.of(blob), len(blob))
    layers[position] = BuiltLayer(descriptor, blob, old.tar, old.diff_id)
    return build_image(layers)


class TestNamesAndUris:
    def test_docker_io_is_a_real_host(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Seen by a proxy: what TLS is asked for is where the images are."""
        asked: list[bytes] = []
        with socket.create_server(("127.0.0.1", 0)) as proxy:

            def answer() -> None:
                connection, _ = proxy.accept()
                with connection:
                    asked.append(connection.recv(4096))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

            thread = threading.Thread(target=answer)
            thread.start()
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            done = run_cli("--retries", "0", "process", "registry://docker.io/busybox", f"tar://{tmp_path}/a.tar")
            thread.join()
        assert asked[0].startswith(b"CONNECT registry-1.docker.io:443 ")
        assert (done.returncode, done.stderr.count("\n")) == (3, 1)

    def test_a_password_of_digits_stays_a_password(self, run: Run, embedded: EmbeddedRegistry, tmp_path: Path) -> None:
        embedded.add(IMAGE, "a")
        embedded.gate = BasicGate({"1": "true"})
        ran = run("process", f"registry://{embedded.host}/a?username=1&password=true", f"tar://{tmp_path}/a.tar")
        assert ran.code == 0, ran.err

    def test_each_side_has_its_own_login(self, process: Process, tmp_path: Path) -> None:
        with (
            EmbeddedRegistry(gate=BasicGate({"ann": "one"})) as first,
            EmbeddedRegistry(gate=BasicGate({"bob": "two"})) as second,
        ):
            first.add(IMAGE, "a")
            process(f"registry://ann:one@{first.host}/a", f"registry://bob:two@{second.host}/b")
            seen = {request.authorization for registry in (first, second) for request in registry.requests}
        assert len(seen) == 3, "anonymous, ann and bob"

    def test_repository_tags_keep_registry_and_namespace(self, process: Process, tmp_path: Path) -> None:
        with EmbeddedRegistry() as registry:
            registry.add(IMAGE, "team/app", "v1")
            process(f"registry://{registry.host}/team/app:v1", f"tar://{tmp_path}/a.tar")
            process(f"tar://{tmp_path}/a.tar", f"dir://{tmp_path}/d")
            (entry,) = json.loads((tmp_path / "d/manifest.json").read_bytes())
            assert entry["RepoTags"] == [f"{registry.host}/team/app:v1"]


class TestLayersOfEveryForm:
    def flat(self, path: Path, *blobs: bytes, names: tuple[str, ...] = ()) -> str:
        called = names or tuple(f"{hashlib.sha256(blob).hexdigest()}.tar" for blob in blobs)
        config = config_of(*map(witness.unpacked, blobs))
        listed = manifest_json(saved("config.json", called))
        write_archive(path, ("config.json", config), *zip(called, blobs, strict=True), listed)
        return f"tar://{path}"

    @pytest.mark.parametrize("kind", ["tar", "dir", "ocidir"])
    def test_layers_of_a_flat_archive_do_not_overwrite_each_other(
        self, process: Process, tmp_path: Path, kind: str
    ) -> None:
        source = self.flat(tmp_path / "flat.tar", BASE, MIDDLE, TOP)
        destination = f"{kind}://{tmp_path}/out" + (":v1" if kind == "ocidir" else "")
        process(source, destination)
        assert witness.look(destination).layers == (BASE, MIDDLE, TOP)

    def test_compressed_layers_of_every_name_are_unpacked(self, process: Process, tmp_path: Path) -> None:
        blobs = gzip.compress(BASE), zstandard.compress(MIDDLE), TOP
        source = self.flat(tmp_path / "a.tar", *blobs, names=("x/layer.tar", "y.tar.gz", "blobs/sha256/z"))
        process(source, f"tar://{tmp_path}/out.tar")
        assert witness.look(f"tar://{tmp_path}/out.tar").layers == (BASE, MIDDLE, TOP)

    @pytest.mark.parametrize("compression", ["gzip", "zstd"])
    @pytest.mark.parametrize("filters", [(), NORMALIZE], ids=["unfiltered", "filtered"])
    def test_streams_of_several_members_are_read_to_their_end(
        self, process: Process, tmp_path: Path, embedded: EmbeddedRegistry, compression: str, filters: tuple[str, ...]
    ) -> None:
        compress = gzip.compress if compression == "gzip" else zstandard.compress
        pieces = (MIDDLE[:1000], MIDDLE[1000:200_000], MIDDLE[200_000:])
        several = b"".join(compress(piece) for piece in pieces)
        layer = build_layer(MIDDLE, compression=Compression(compression), family=Family.OCI)
        image = build_image([build_layer(BASE, family=Family.OCI), layer], family=Family.OCI)
        image = build_image([image.layers[0], with_blob(image, 1, several).layers[1]], family=Family.OCI)
        embedded.add(image, "several")
        registry, archive = f"registry://{embedded.host}/several", f"tar://{tmp_path}/in.tar"
        self.flat(tmp_path / "in.tar", BASE, several)
        for position, source in enumerate((registry, archive)):
            target = f"tar://{tmp_path}/{position}.tar"
            process(source, target, *filters)
            assert len(witness.look(target).layers[1]) == len(MIDDLE)

    @pytest.mark.parametrize("filters", [(), NORMALIZE], ids=["unfiltered", "filtered"])
    @pytest.mark.parametrize("compression", ["gzip", "zstd"])
    def test_a_stream_that_ends_early_is_refused(
        self, run: Run, tmp_path: Path, embedded: EmbeddedRegistry, compression: str, filters: tuple[str, ...]
    ) -> None:
        built = build_image([BASE, MIDDLE], compression=Compression(compression), family=Family.OCI)
        for lost in (1, 5, 500):
            short = with_blob(built, 1, built.layers[1].blob[:-lost].removesuffix(b"\x50\x2a\x4d\x18"))
            embedded.add(build_image(short.layers, family=Family.OCI), "short", f"v{lost}")
            ran = run("process", f"registry://{embedded.host}/short:v{lost}", f"tar://{tmp_path}/out.tar", *filters)
            if compression == "zstd" and lost <= 12:
                continue  # of the harmless frame that follows the layer
            assert (ran.code, ran.err.count("\n")) == (3, 1)
            assert ran.err.startswith("Error: source: ")
            assert not (tmp_path / "out.tar").exists()

    @pytest.mark.parametrize("destination", ["tar", "ocidir"])
    def test_a_layer_said_to_be_gzip_that_is_zstd_is_read_for_what_it_is(
        self, run: Run, tmp_path: Path, embedded: EmbeddedRegistry, destination: str
    ) -> None:
        """And that is said, because not every tool looks."""
        embedded.add(with_blob(build_image([BASE, MIDDLE]), 0, zstandard.compress(BASE)), "liar")
        target = f"{destination}://{tmp_path}/out" + (":v1" if destination == "ocidir" else "")
        ran = run("process", f"registry://{embedded.host}/liar", target, "--verify-full")
        assert ran.code == 0, ran.err
        assert ran.err.startswith("Warning: layer 1 (sha256:")
        assert " is stored as zstd, its media type says gzip\n" in ran.err
        assert ran.err.count("Warning") == 1
        assert witness.look(target).layers == (BASE, MIDDLE)

    def test_a_symlinked_layer_is_followed(self, process: Process, tmp_path: Path) -> None:
        link = make_entry(b"b/layer.tar", SYMLINK, linkname=b"../a/layer.tar")
        members = ("config.json", config_of(BASE, BASE)), ("a/layer.tar", BASE), link
        listed = manifest_json(saved("config.json", ["a/layer.tar", "b/layer.tar"]))
        write_archive(tmp_path / "links.tar", *members, listed)
        process(f"tar://{tmp_path}/links.tar", f"tar://{tmp_path}/out.tar")
        assert witness.look(f"tar://{tmp_path}/out.tar").layers == (BASE, BASE)


class TestLayerCache:
    @pytest.fixture
    def slow_first(self, embedded: EmbeddedRegistry) -> str:
        """Layers that arrive in another order than they stand in."""
        bodies = [os.urandom(size) for size in (900_000, 200_000, 1000)]
        embedded.add(build_image([layer_tar(("data", body)) for body in bodies]), "source")
        return f"registry://{embedded.host}/source"

    def test_layers_are_not_mixed_up_however_they_arrive(
        self, process: Process, tmp_path: Path, slow_first: str
    ) -> None:
        expected = witness.look(f"{slow_first}:latest")
        with EmbeddedRegistry() as target:
            for attempt in ("first", "cached"):
                destination = f"registry://{target.host}/copy:{attempt}"
                process(slow_first, destination, "--layer-cache", tmp_path / "cache.json", "--compression", "zstd")
                assert witness.look(destination).layers == expected.layers

    @pytest.mark.parametrize("more", [NORMALIZE, (*NORMALIZE, "-f", "exclude:pattern=etc/motd")])
    def test_a_cached_run_writes_the_diff_ids_of_the_filtered_layers(
        self, process: Process, tmp_path: Path, layout: str, more: tuple[str, ...]
    ) -> None:
        with EmbeddedRegistry() as target:
            arguments = (*more, "--layer-cache", tmp_path / "cache.json")
            digests, uploads = [], []
            for attempt in ("first", "cached", "without"):
                destination = f"registry://{target.host}/copy:{attempt}"
                result = process(layout, destination, *(more if attempt == "without" else arguments))
                digests.append(result["digest"])
                assert witness.look(destination).is_consistent
                uploads.append(len(target.seen("POST", "/blobs/uploads")))
            assert len(set(digests)) == 1
            assert uploads == uploads[:1] * 3, "the second run, and the third, found every blob there"

    def test_a_searching_filter_does_not_spoil_the_cache(self, run: Run, tmp_path: Path, layout: str) -> None:
        cache = ("--layer-cache", tmp_path / "cache.json", "--verify-full")
        for attempt in range(2):
            with_search = ("-f", "search:pattern=**/data", "-f", "exclude:pattern=etc/motd")
            ran = run("process", layout, f"ocidir://{tmp_path}/out:v{attempt}", *with_search, *cache)
            assert ran.code == 0, ran.err
            assert "usr/share/data (file, " in ran.out, "also where the cache knows the layer"
            ran = run("process", layout, f"ocidir://{tmp_path}/out:v{attempt}", *with_search[2:], *cache)
            assert ran.code == 0, ran.err
            assert witness.in_layout(tmp_path / "out", f"v{attempt}").is_consistent

    def test_alternating_filters_do_not_push_each_other_out(self, run: Run, tmp_path: Path, layout: str) -> None:
        for attempt in range(2):
            for ts in (1, 2):
                cache = ("--layer-cache", tmp_path / "cache.json", "-v")
                ran = run(
                    "process", layout, f"ocidir://{tmp_path}/{ts}:v", "-f", f"normalize-timestamps:ts={ts}", *cache
                )
                assert ran.err.count("from the layer cache") >= 3 * attempt, ran.err

    def test_a_cache_that_promises_a_lost_blob_is_not_believed(
        self, process: Process, tmp_path: Path, layout: str
    ) -> None:
        arguments = (layout, f"ocidir://{tmp_path}/out:v1", *NORMALIZE, "--layer-cache", tmp_path / "cache.json")
        first = process(*arguments)
        for blob in (tmp_path / "out/blobs/sha256").iterdir():
            if blob.stat().st_size > 2000:
                blob.unlink()
        assert process(*arguments)["digest"] == first["digest"]
        assert witness.in_layout(tmp_path / "out", "v1").is_consistent

    @pytest.mark.parametrize(
        "content", ["", "[]", "null", "{", '{"version":2}', '{"version":2,"layers":{"x":1,"y":{"diff_id":[]}}}', "\x00"]
    )
    def test_a_damaged_cache_is_an_empty_one(self, process: Process, tmp_path: Path, layout: str, content: str) -> None:
        (tmp_path / "cache.json").write_text(content)
        process(layout, f"ocidir://{tmp_path}/out:v1", *NORMALIZE, "--layer-cache", tmp_path / "cache.json")
        assert json.loads((tmp_path / "cache.json").read_bytes())["layers"]

    def test_runs_at_the_same_time_keep_what_each_of_them_learnt(self, tmp_path: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "occystrap_core",
            "process",
            *NORMALIZE,
            "--layer-cache",
            f"{tmp_path}/layers.json",
        ]
        running = [
            subprocess.Popen([*command, f"sample://?seed={n}&layers=3&files=2", f"tar://{tmp_path}/{n}.tar"])
            for n in range(4)
        ]
        assert [each.wait(60) for each in running] == [0] * 4
        assert len(json.loads((tmp_path / "layers.json").read_bytes())["layers"]) == 12

    def test_a_cache_that_cannot_be_written_does_not_fail_a_run_that_succeeded(
        self, run: Run, tmp_path: Path, layout: str
    ) -> None:
        ran = run("process", layout, f"tar://{tmp_path}/a.tar", *NORMALIZE, "--layer-cache", "/proc/self/cache.json")
        assert ran.code == 0
        assert "Warning: the layer cache was not saved: " in ran.err
        assert witness.in_archive(tmp_path / "a.tar").is_consistent


class TestDirectories:
    def test_a_filter_into_the_same_directory_has_its_effect(
        self, process: Process, tmp_path: Path, layout: str
    ) -> None:
        process(layout, f"dir://{tmp_path}/d")
        process(layout, f"dir://{tmp_path}/d", "-f", "exclude:pattern=etc/motd")
        assert "etc/motd" not in witness.in_directory(tmp_path / "d").names(0)
        process(f"dir://{tmp_path}/d", f"dir://{tmp_path}/d", "-f", "normalize-timestamps:ts=5")
        seen = witness.in_directory(tmp_path / "d")
        assert seen.is_consistent
        assert "etc/motd" not in seen.names(0)

    @pytest.mark.parametrize("damage", ["cut", "flip"])
    @pytest.mark.parametrize("kind", ["dir", "ocidir"])
    def test_layers_that_lie_there_are_not_trusted_unseen(
        self, process: Process, tmp_path: Path, layout: str, kind: str, damage: str
    ) -> None:
        destination = f"{kind}://{tmp_path}/out" + (":v1" if kind == "ocidir" else "")
        process(layout, destination)
        expected = witness.look(destination)
        largest = max(
            (path for path in (tmp_path / "out").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
        )
        raw = bytearray(largest.read_bytes())
        raw[len(raw) // 2] ^= 1
        largest.write_bytes(raw if damage == "flip" else raw[:-100])
        process(layout, destination)
        assert witness.look(destination) == expected

    def test_a_config_goes_in_and_comes_out_as_it_is(self, process: Process, tmp_path: Path) -> None:
        config = json.dumps({**json.loads(config_of(BASE)), "zebra": 1, "aardvark": "ü"}, indent=7).encode()
        write_archive(tmp_path / "in.tar", ("c", config), ("l", BASE), manifest_json(saved("c", ["l"])))
        process(f"tar://{tmp_path}/in.tar", f"dir://{tmp_path}/d")
        (name,) = [path.name for path in (tmp_path / "d").glob("*.json") if len(path.name) > 60]
        assert name == f"{hashlib.sha256(config).hexdigest()}.json"
        process(f"dir://{tmp_path}/d", f"tar://{tmp_path}/out.tar")
        assert witness.in_archive(tmp_path / "out.tar").config == config

    def test_names_that_look_alike_do_not_share_a_manifest(self, process: Process, tmp_path: Path, layout: str) -> None:
        for number, name in enumerate(("a/b", "a_b")):
            process(f"sample://{name}:1?seed={number}", f"dir://{tmp_path}/d?unique_names=true")
        catalog = json.loads((tmp_path / "d/catalog.json").read_bytes())
        files = {catalog[name]["1"] for name in ("a/b", "a_b")}
        assert len(files) == 2
        configs = {witness.in_directory(tmp_path / "d", file).config for file in files}
        assert len(configs) == 2

    @pytest.mark.parametrize("kind", ["dir", "ocidir", "tar"])
    def test_files_are_for_everybody_to_read(self, tmp_path: Path, embedded: EmbeddedRegistry, kind: str) -> None:
        embedded.add(IMAGE, "a")
        done = run_cli("process", f"registry://{embedded.host}/a", f"{kind}://{tmp_path}/out")
        assert done.returncode == 0, done.stderr
        out = tmp_path / "out"
        written = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
        umask = os.umask(0)
        os.umask(umask)
        assert {path.stat().st_mode & 0o777 for path in written if not path.name.startswith(".")} == {0o644 & ~umask}


class TestRegistries:
    def test_a_login_that_runs_out_in_the_middle_of_a_push(self, process: Process, layout: str) -> None:
        with EmbeddedRegistry(gate=TokenGate(uses=2)) as target:
            process(layout, f"registry://{target.host}/pushed:v1", "-j", "2")
            target.gate = None
            assert witness.look(f"registry://{target.host}/pushed:v1").config == IMAGE.config.raw

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_a_push_is_tried_again(self, process: Process, layout: str, status: int) -> None:
        with EmbeddedRegistry() as target:
            for method, path in (("POST", "/blobs/uploads"), ("PUT", "/blobs/uploads"), ("PUT", "/manifests/")):
                target.fail(Fault(method, path, status=status))
            result = process(layout, f"registry://{target.host}/pushed:v1")
            assert result["retries"] >= 3  # type: ignore[operator]  # JSON
            assert (result["rate_limits"] != 0) is (status == 429)
            assert witness.look(f"registry://{target.host}/pushed:v1").config == IMAGE.config.raw

    @pytest.mark.parametrize(
        ("key", "challenge"),
        [
            ("access_token", 'Bearer realm="{realm}",service="s"'),
            ("token", 'Bearer service="s" , scope="repository:a:pull",realm="{realm}"'),
            ("token", 'bearer   realm="{realm}" ,service="one, two"'),
            ("token", 'Negotiate, Basic realm="x", Bearer error="invalid_token",realm="{realm}"'),
        ],
    )
    def test_token_servers_of_every_manner(
        self, process: Process, tmp_path: Path, layout: str, key: str, challenge: str
    ) -> None:
        with EmbeddedRegistry(gate=TokenGate({"ann": "pw"}, key=key, format=challenge)) as registry:
            there = f"registry://ann:pw@{registry.host}/a:v1"
            process(layout, there)
            process(there, f"tar://{tmp_path}/a.tar")

    def test_index_entries_without_a_platform(self, process: Process, tmp_path: Path) -> None:
        """The config says what the index does not."""
        arm = build_image([TOP], family=Family.OCI, platform=Platform("linux", "arm64", "v8"))
        amd = build_image([BASE], family=Family.OCI)
        without = [{**child.root.to_json()} for child in (arm, amd)]
        index = build_index([arm, amd], also={"manifests": without})
        source = write_layout(tmp_path / "in", BuiltIndex(index.root, index.index, index.children))
        process(source, f"tar://{tmp_path}/a.tar")
        assert witness.in_archive(tmp_path / "a.tar").layers == (BASE,)
        process(source, f"tar://{tmp_path}/b.tar", "--architecture", "arm64")
        assert witness.in_archive(tmp_path / "b.tar").layers == (TOP,)

    @pytest.mark.parametrize("asked", [("--architecture", "arm64"), ("--platform", "linux/aarch64")])
    def test_arm64_finds_arm64_v8(self, process: Process, tmp_path: Path, asked: tuple[str, ...]) -> None:
        arm = build_image([TOP], family=Family.OCI, platform=Platform("linux", "arm64", "v8"))
        source = write_layout(tmp_path / "in", build_index([build_image([BASE], family=Family.OCI), arm]))
        process(source, f"tar://{tmp_path}/a.tar", *asked)
        assert witness.in_archive(tmp_path / "a.tar").layers == (TOP,)

    def test_a_content_type_with_parameters(self, process: Process, tmp_path: Path, embedded: EmbeddedRegistry) -> None:
        embedded.add(IMAGE, "a")
        typed = {"Content-Type": f"{IMAGE.root.media_type}; charset=utf-8"}
        embedded.fail(Fault("GET", "/manifests/", times=None, headers=typed))
        process(f"registry://{embedded.host}/a", f"tar://{tmp_path}/a.tar")

    def test_a_rate_limit_limits(self, process: Process, tmp_path: Path, embedded: EmbeddedRegistry) -> None:
        embedded.add(IMAGE, "a")
        started = time.monotonic()
        process(f"registry://{embedded.host}/a", f"tar://{tmp_path}/a.tar", "--rate-limit", "10")
        assert time.monotonic() - started >= (len(embedded.requests) - 1) / 10

    def test_the_summary_of_a_push_has_true_numbers(self, run: Run, layout: str, embedded: EmbeddedRegistry) -> None:
        ran = run("process", layout, f"registry://{embedded.host}/a", "-O", "json")
        result = json.loads(ran.out)
        blobs = {layer["digest"]: layer["size"] for layer in result["images"][0]["layers"]}
        assert result["size"] == sum(blobs.values()) + len(IMAGE.config.raw)
        assert ran.err.startswith("Summary: 5 layers, 10.4 KB, ") or f"{result['size'] / 1024:.1f} KB" in ran.err

    def test_layers_that_nothing_changes_are_neither_unpacked_nor_sent_again(self, run: Run, layout: str) -> None:
        with EmbeddedRegistry() as registry:
            first = json.loads(run("process", layout, f"registry://{registry.host}/one:v1", "-O", "json").out)
            stored = {layer["digest"] for layer in first["images"][0]["layers"]}
            assert stored == {str(layer.descriptor.digest) for layer in IMAGE.layers}
            uploads = len(registry.seen("PUT", "/blobs/uploads"))
            ran = run("process", f"registry://{registry.host}/one:v1", f"registry://{registry.host}/two:v1")
            assert ran.code == 0, ran.err
            assert len(registry.seen("PUT", "/blobs/uploads")) == uploads + 1, "the config; layers are mounted"
            fetched = {request.path for request in registry.seen("GET", "/one/blobs/")}
            assert fetched.isdisjoint(f"/v2/one/blobs/{digest}" for digest in stored)

    def test_many_requests_need_few_connections(self, run: Run, layout: str, embedded: EmbeddedRegistry) -> None:
        open_before = len(os.listdir("/proc/self/fd"))
        for number in range(20):
            assert run("process", layout, f"registry://{embedded.host}/a:{number}").code == 0
        assert len(os.listdir("/proc/self/fd")) <= open_before + 3

    def test_what_waits_its_turn_is_not_the_whole_image(self, tmp_path: Path, embedded: EmbeddedRegistry) -> None:
        """Twelve layers of a megabyte, through a temporary folder and a destination that just hold the image."""
        require_root("a small file system of its own")
        layers = [layer_tar(("data", os.urandom(1_000_000))) for _ in range(12)]
        embedded.add(build_image(layers), "large")
        small = tmp_path / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", small], check=True)
        try:
            arguments = ("--temp-dir", small, "-j", "2", *NORMALIZE)
            done = run_cli("process", f"registry://{embedded.host}/large", f"tar://{tmp_path}/a.tar", *arguments)
        finally:
            subprocess.run(["umount", small], check=True)
        assert done.returncode == 0, done.stderr


class TestFilters:
    def test_several_patterns_in_one_option(self, process: Process, tmp_path: Path, layout: str) -> None:
        process(layout, f"tar://{tmp_path}/a.tar", "-f", "exclude:pattern=etc/motd,usr/share/**")
        seen = witness.in_archive(tmp_path / "a.tar")
        assert "etc/motd" not in seen.names(0)
        assert seen.names(1) == ["usr/share", "usr/pipe", "usr/null"]

    @pytest.mark.parametrize("pattern", ["/etc/*", "etc/*", "./etc/*"])
    @pytest.mark.parametrize("prefix", ["", "./", "/"])
    def test_a_leading_slash_makes_no_difference(
        self, process: Process, tmp_path: Path, pattern: str, prefix: str
    ) -> None:
        layer = layer_tar(file(f"{prefix}etc/a", "a"), file(f"{prefix}opt/b", "b"))
        source = write_layout(tmp_path / "in", build_image([layer]))
        process(source, f"tar://{tmp_path}/a.tar", "-f", f"exclude:pattern={pattern}")
        assert witness.in_archive(tmp_path / "a.tar").names(0) == [f"{prefix}opt/b"]

    def test_a_comma_or_a_number_can_stand_in_a_value(self, run: Run, process: Process, tmp_path: Path) -> None:
        layer = layer_tar(file("aaa", "1"), file("1", "1"), file("b", "b"))
        source = write_layout(tmp_path / "in", build_image([layer]))
        ran = run("process", source, f"tar://{tmp_path}/a.tar", "-f", "search:pattern=a{2,3},regex=true")
        assert "  aaa (file, 1 bytes)" in ran.out
        process(source, f"tar://{tmp_path}/a.tar", "-f", "exclude:pattern=1")
        assert witness.in_archive(tmp_path / "a.tar").names(0) == ["aaa", "b"]

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("-f", "normalize-timestamps:ts=1.5"), "filter 'normalize-timestamps': option 'ts': '1.5'"),
            (("-f", "normalize-timestamps:ts="), "filter 'normalize-timestamps': option 'ts': ''"),
            (("-j", "0"), "'0' is not a number from 1 to 256"),
            (("-j", "two"), "'two' is not a number from 1 to 256"),
            (("--rate-limit", "nan"), "is not a number from 0 on"),
            (("--retries", "-1"), "'-1' is not a number from 0 to 100"),
        ],
    )
    def test_a_value_that_cannot_be_is_one_line(
        self, run: Run, tmp_path: Path, layout: str, arguments: tuple[str, ...], says: str
    ) -> None:
        ran = run("process", layout, f"tar://{tmp_path}/a.tar", *arguments)
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert says in ran.err
        assert not (tmp_path / "a.tar").exists()

    def test_times_in_the_config_can_be_normalized_too(self, process: Process, tmp_path: Path) -> None:
        steps = [{"created": "2024-05-06T07:08:09Z", "created_by": "COPY"}]
        image = build_image([BASE], history=steps, config={"created": "2024-05-06T07:08:09.123456789Z"})
        source = write_layout(tmp_path / "in", image)
        process(source, f"tar://{tmp_path}/a.tar", "-f", "normalize-timestamps:ts=86400,config=true")
        config = json.loads(witness.in_archive(tmp_path / "a.tar").config)
        assert config["created"] == config["history"][0]["created"] == "1970-01-02T00:00:00Z"

    def test_inspect_pairs_layers_and_history_however_layers_arrive(
        self, process: Process, tmp_path: Path, embedded: EmbeddedRegistry
    ) -> None:
        layers = [layer_tar(("data", os.urandom(size))) for size in (800_000, 1000, 100_000)]
        steps = [
            {"created": "1970-01-01T00:00:01Z", "created_by": "first"},
            {"created": "1970-01-01T00:00:02Z", "created_by": "ENV", "empty_layer": True},
            {"created": "1970-01-01T00:00:03Z", "created_by": "second"},
            {"created": "1970-01-01T00:00:04Z", "created_by": "third", "comment": "note"},
        ]
        image = build_image(layers, history=steps)
        embedded.add(image, "team/app", "v1")
        inspect = ("-f", f"inspect:file={tmp_path}/a.jsonl")
        for attempt in range(3):
            process(f"registry://{embedded.host}/team/app:v1", f"tar://{tmp_path}/{attempt}.tar", *inspect)
        lines = (tmp_path / "a.jsonl").read_text().splitlines()
        assert len(lines) == 3
        assert len(set(lines)) == 1
        found = json.loads(lines[0])
        assert found["name"] == "team/app:v1"
        assert [(each["CreatedBy"], each["Created"], each["Tags"]) for each in found["layers"]] == [
            ("third", 4, ["team/app:v1"]),
            ("second", 3, None),
            ("first", 1, None),
        ]
        assert [each["Id"] for each in found["layers"]] == [str(x.descriptor.digest) for x in reversed(image.layers)]

    def test_search_lists_layers_in_their_order(self, run: Run, tmp_path: Path, embedded: EmbeddedRegistry) -> None:
        layers = [layer_tar((f"data{n}", os.urandom(size))) for n, size in enumerate((900_000, 1000, 200_000))]
        embedded.add(build_image(layers), "a")
        for _ in range(3):
            ran = run(
                "process", f"registry://{embedded.host}/a", f"tar://{tmp_path}/a.tar", "-f", "search:pattern=data*"
            )
            assert [line[2:7] for line in ran.out.splitlines() if line.startswith("  ")] == ["data0", "data1", "data2"]


class TestNothingIsLost:
    def test_a_source_is_not_its_own_destination(self, run: Run, tmp_path: Path) -> None:
        source = tmp_path / "x.tar"
        assert run("process", "sample://", f"tar://{source}").code == 0
        (tmp_path / "symlink.tar").symlink_to("x.tar")
        os.link(source, tmp_path / "hardlink.tar")
        before = source.read_bytes()
        for name in ("x.tar", "symlink.tar", "hardlink.tar", "../" + tmp_path.name + "/x.tar"):
            ran = run("process", f"tar://{source}", f"tar://{tmp_path / name}")
            assert ran.code == 2
            assert "is the source itself" in ran.err
        assert source.read_bytes() == before

    @pytest.mark.parametrize("kind", ["tar", "ocidir", "dir"])
    def test_a_failed_run_leaves_what_was_there(self, run: Run, tmp_path: Path, kind: str) -> None:
        destination = f"{kind}://{tmp_path}/out"
        assert run("process", "sample://", destination).code == 0
        before = snapshot(tmp_path / "out")
        damaged = with_blob(build_image(LAYERS), 4, gzip.compress(TOP))
        source = write_layout(tmp_path / "in", damaged)
        ran = run("process", source, destination, *NORMALIZE)
        assert ran.code == 3
        assert snapshot(tmp_path / "out") == before

    def test_a_failed_decompression_leaves_no_temporary_file(
        self, run: Run, tmp_path: Path, embedded: EmbeddedRegistry
    ) -> None:
        temporary = tmp_path / "temp"
        temporary.mkdir()
        broken = bytearray(IMAGE.layers[1].blob)
        broken[300] ^= 0xFF
        embedded.add(with_blob(IMAGE, 1, bytes(broken)), "broken")
        ran = run("process", f"registry://{embedded.host}/broken", f"tar://{tmp_path}/a.tar", "--temp-dir", temporary)
        assert ran.code == 3
        assert list(temporary.iterdir()) == []
        assert not (tmp_path / "a.tar").exists()

    def test_a_tampered_archive_is_noticed(self, run: Run, tmp_path: Path) -> None:
        write_archive(tmp_path / "in.tar", ("c", config_of(BASE)), ("l", TOP), manifest_json(saved("c", ["l"])))
        ran = run("process", f"tar://{tmp_path}/in.tar", f"ocidir://{tmp_path}/out")
        assert ran.code == 3
        assert ran.err.startswith("Error: source: layer sha256:")
        assert "has other content" in ran.err
        assert not (tmp_path / "out").exists()


class TestWhatIsSaid:
    def test_there_are_no_colours_without_a_terminal(self, tmp_path: Path) -> None:
        for arguments in (
            ("-v", "process", "sample://", f"tar://{tmp_path}/a.tar"),
            ("process", "smaple://", "tar://x"),
        ):
            done = run_cli(*arguments)
            assert "\x1b" not in done.stderr + done.stdout

    def test_a_404_is_one_line(self, embedded: EmbeddedRegistry, tmp_path: Path) -> None:
        done = run_cli("process", f"registry://{embedded.host}/nobody", f"tar://{tmp_path}/a.tar")
        assert (done.returncode, done.stderr.count("\n")) == (3, 1)
        assert "Traceback" not in done.stderr

    def test_secrets_are_in_no_log(self, embedded: EmbeddedRegistry, tmp_path: Path) -> None:
        embedded.gate = TokenGate({"ann": "hunter2"})
        target = f"registry://ann:hunter2@{embedded.host}/a"
        done = run_cli("--debug", "-v", "-O", "json", "process", "sample://", target)
        assert done.returncode == 0, done.stderr
        assert "hunter2" not in done.stdout + done.stderr
        assert not any(token in done.stdout + done.stderr for token in embedded.gate.given)


def snapshot(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}

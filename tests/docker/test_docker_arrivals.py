"""Layers go on while the daemon is still sending, and the result is the same as if they had waited."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.contracts import OutputContext
from occystrap_core.contracts.address import Address
from occystrap_core.contracts.arrival import Arrival
from occystrap_core.contracts.output import Output
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM, Settings
from occystrap_core.engine.chain import OpenFilter
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.process import process
from occystrap_core.engine.selection import Selection
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import (
    AccessDenied,
    DigestMismatch,
    InvalidImage,
    NotFound,
    OccystrapError,
    TransferError,
)
from occystrap_core.model.layer import SealedLayer
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.streams.spool import Spool
from occystrap_core.testing.build import BuiltImage, build_image, build_index, layer_tar, symlink
from occystrap_core.testing.memory import MemoryInput, MemoryOutput, MemoryStore
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from occystrap_filters.exclude.filter import Exclude
from occystrap_filters.exclude.rules import Rules
from occystrap_filters.normalize_timestamps.filter import NormalizeTimestamps
from occystrap_filters.normalize_timestamps.plugin import NormalizeOptions
from occystrap_outputs.dir.output import DirectoryOutput
from occystrap_outputs.dir.plugin import DirectoryOutputOptions
from occystrap_outputs.ocidir.output import LayoutOutput
from occystrap_outputs.ocidir.plugin import LayoutOutputOptions
from occystrap_outputs.registry.output import RegistryOutput
from occystrap_outputs.registry.plugin import RegistryOutputOptions
from tests import peers
from tests.docker.daemon import NAME, Daemon, containerd, docker_24, docker_25, inspected, podman
from tests.docker.moves import Waiting, load, source

LAYERS = [layer_tar((f"etc/file{n}", f"content {n}\n" * 30_000), symlink("etc/link", "file")) for n in range(3)]
Open = Callable[[OutputContext], Output]
USUAL = Selection((DEFAULT_PLATFORM,))


def run(opened: Any, open_output: Open, *filters: Any, selection: Selection = USUAL) -> Outcome:
    chosen = tuple(OpenFilter(type(each).__name__, each) for each in filters)
    try:
        return process(Request(opened, open_output, selection, Settings(), Silent(), chosen, depth=None))
    finally:
        opened.close()


def layout(path: Path, context: OutputContext) -> Output:
    return LayoutOutput(Address("ocidir", f"{path}:x"), LayoutOutputOptions(), context)


def directory(path: Path, context: OutputContext) -> Output:
    return DirectoryOutput(Address("dir", str(path)), DirectoryOutputOptions(), context)


def into(reference: str, context: OutputContext) -> Output:
    return RegistryOutput(Address("registry", reference), RegistryOutputOptions(), context)


def files_below(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def normalize() -> NormalizeTimestamps:
    return NormalizeTimestamps(NormalizeOptions(timestamp=1))


def exclude() -> Exclude:
    return Exclude(("etc/file1",), Rules(("etc/file1",)), None)


def image(compression: Compression = Compression.NONE, layers: Sequence[bytes] = LAYERS) -> BuiltImage:
    return build_image([*layers, layers[0]], family=Family.OCI, compression=compression)


LAYOUTS = {
    "docker 24": (image(), partial(docker_24, shared=3)),
    "docker 25": (image(), docker_25),
    "podman": (image(), podman),
    "containerd": (image(Compression.GZIP), lambda built: containerd(built, built)),
}


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("destination", [layout, directory])
@pytest.mark.parametrize("filters", [[], [normalize], [exclude, normalize]])
def test_not_a_byte_is_different(
    daemon: Daemon, tmp_path: Path, kind: str, destination: Callable[..., Output], filters: list[Callable[[], Any]]
) -> None:
    built, saved = LAYOUTS[kind]
    daemon.has(inspected(built, built.config.digest), saved(built))
    outcomes = []
    for name, opened in (("slow", Waiting(source(NAME, daemon.socket))), ("fast", source(NAME, daemon.socket))):
        outcomes.append(run(opened, partial(destination, tmp_path / name), *[each() for each in filters]))
    assert outcomes[0].images == outcomes[1].images
    assert files_below(tmp_path / "slow") == files_below(tmp_path / "fast")
    assert len([asked for asked in daemon.asked if asked.endswith("/get")]) == 2, "nothing was asked for again"


def test_an_index_of_which_one_image_is_there(daemon: Daemon, tmp_path: Path) -> None:
    here = image(Compression.GZIP)
    elsewhere = build_image(LAYERS[:1], family=Family.OCI, platform=Platform("linux", "s390x"))
    index = build_index([here, elsewhere], attest=True)
    daemon.has(inspected(here, index.root.digest), containerd(index, here))
    notes = []
    for name, opened in (("slow", Waiting(source(NAME, daemon.socket))), ("fast", source(NAME, daemon.socket))):
        notes.append(run(opened, partial(layout, tmp_path / name)).notes)
    assert files_below(tmp_path / "slow") == files_below(tmp_path / "fast")
    assert notes[0] == notes[1]


@pytest.mark.parametrize("kind", LAYOUTS)
def test_nothing_of_the_layers_is_put_aside(
    daemon: Daemon, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, saved = LAYOUTS[kind]
    daemon.has(inspected(built, built.config.digest), saved(built))
    written, write = [], Spool.write
    monkeypatch.setattr(Spool, "write", lambda self, chunk: (written.append(len(chunk)), write(self, chunk))[1])
    run(source(NAME, daemon.socket), partial(layout, tmp_path / "out"))
    assert sum(written) < 10_000 < sum(map(len, LAYERS))


def test_a_layer_is_there_before_the_export_has_ended(daemon: Daemon) -> None:
    built = image()
    daemon.has(inspected(built, built.config.digest), docker_25(built))
    daemon.go_on = threading.Event()
    kept: list[bool] = []

    class Watched(MemoryOutput):
        def keep(self, staged: Any, blob: Descriptor, layer: SealedLayer | None) -> None:
            super().keep(staged, blob, layer)
            kept.append(daemon.go_on.is_set())
            daemon.go_on.set()

    run(source(NAME, daemon.socket), lambda context: Watched())
    assert len(kept) == 3 and kept[0] is False


def test_what_was_handed_on_and_is_asked_for_again_is_exported_once_more(daemon: Daemon) -> None:
    built = image()
    daemon.has(inspected(built, built.config.digest), docker_24(built, shared=3))
    opened, sizes = source(NAME, daemon.socket), []

    def take(arrival: Arrival) -> bool:
        sizes.append(sum(map(len, arrival.chunks)))
        return True

    opened.deliver(take)
    assert sorted(size for size in sizes if size > 10_000) == sorted(map(len, LAYERS))
    opened.root()
    for descriptor, tar in zip([layer.descriptor for layer in built.layers], [*LAYERS, LAYERS[0]], strict=True):
        assert b"".join(map(bytes, opened.blob(descriptor))) == tar
    assert daemon.asked.count(f"GET /images/{NAME}/get") == 2
    opened.close()


@pytest.mark.parametrize("image_is_for", [Platform("linux", "arm64", "v8"), Platform("linux", "amd64")])
def test_an_image_for_another_platform_is_not_even_exported(
    daemon: Daemon, tmp_path: Path, image_is_for: Platform
) -> None:
    built = build_image(LAYERS, family=Family.OCI, compression=Compression.NONE, platform=image_is_for)
    wanted, words = Selection((Platform("linux", "s390x"),), explicit=True), []
    told = {"Os": image_is_for.os, "Architecture": image_is_for.architecture, "Variant": image_is_for.variant}
    for more in ({}, told):
        daemon.asked.clear()
        daemon.has({**inspected(built, built.config.digest), **more}, docker_24(built))
        with pytest.raises(NotFound) as caught:
            run(source(NAME, daemon.socket), partial(layout, tmp_path / "out"), selection=wanted)
        words.append(str(caught.value))
        assert (f"GET /images/{NAME}/get" in daemon.asked) is not bool(more)
        assert not (tmp_path / "out").exists()
    assert words == [f"source: no image for linux/s390x (it has {image_is_for})"] * 2


def test_a_daemon_that_may_have_it_for_several_platforms_is_not_believed(daemon: Daemon, tmp_path: Path) -> None:
    built = build_image(LAYERS, family=Family.OCI, compression=Compression.GZIP, platform=Platform("linux", "s390x"))
    daemon.info = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
    told = {"Os": "linux", "Architecture": "amd64"}
    daemon.has({**inspected(built, built.root.digest), **told}, containerd(built, built))
    wanted = Selection((Platform("linux", "s390x"),), explicit=True)
    run(source(NAME, daemon.socket), partial(layout, tmp_path / "out"), selection=wanted)
    assert (tmp_path / "out").exists()


class TestBadDays:
    @pytest.mark.parametrize("kind", LAYOUTS)
    @pytest.mark.parametrize("filters", [[], [normalize]])
    def test_a_connection_that_breaks(
        self, daemon: Daemon, tmp_path: Path, kind: str, filters: list[Callable[[], Any]]
    ) -> None:
        built, saved = LAYOUTS[kind]
        daemon.has(inspected(built, built.config.digest), saved(built))
        daemon.break_export = True
        with pytest.raises(TransferError, match="^source: .* closed the connection in the middle of an answer$"):
            run(source(NAME, daemon.socket), partial(layout, tmp_path / "out"), *[each() for each in filters])
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("cut", [5000, 500_000])
    def test_a_daemon_that_gives_up_says_why(self, daemon: Daemon, tmp_path: Path, cut: int) -> None:
        built = image()
        broken = docker_24(built)[:cut] + b'{"errorDetail":{"message":"input/output error"}}\r\n'
        daemon.has(inspected(built, built.config.digest), broken)
        with pytest.raises(TransferError, match="^source: .* broke off the export: input/output error$"):
            run(source(NAME, daemon.socket), partial(layout, tmp_path / "out"))
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_a_layer_that_the_config_does_not_know(self, daemon: Daemon, tmp_path: Path, kind: str) -> None:
        built, saved = LAYOUTS[kind]
        layer = built.layers[1].blob
        spoilt = layer[:600] + bytes(8) + layer[608:]
        daemon.has(inspected(built, built.config.digest), saved(built).replace(layer, spoilt))
        words = []
        for opened in (Waiting(source(NAME, daemon.socket)), source(NAME, daemon.socket)):
            with pytest.raises(DigestMismatch) as caught:
                run(opened, partial(layout, tmp_path / "out"))
            words.append(str(caught.value))
            assert not (tmp_path / "out").exists()
        assert words[0] == words[1] and words[0].startswith("source: layer ")

    def test_a_registry_that_refuses_ends_an_export_that_goes_on(self, daemon: Daemon) -> None:
        built = image()
        daemon.has(inspected(built, built.config.digest), docker_25(built))
        daemon.go_on = threading.Event()
        with EmbeddedRegistry() as registry:
            registry.fail(Fault("POST", "/blobs/", times=None, status=403))
            with pytest.raises(AccessDenied, match="^destination: "):
                run(source(NAME, daemon.socket), partial(into, f"{registry.host}/app:1"))
            assert not daemon.go_on.is_set() and registry.seen("PUT", "/manifests/") == []

    def test_layers_without_an_image(self, daemon: Daemon, tmp_path: Path) -> None:
        built = image()
        daemon.has(inspected(built, built.config.digest), layer_tar(("1/layer.tar", LAYERS[0])))
        with pytest.raises(InvalidImage, match="is not an image archive"):
            run(source(NAME, daemon.socket), partial(layout, tmp_path / "out"))
        assert not (tmp_path / "out").exists()

    def test_a_destination_that_fails(self, daemon: Daemon) -> None:
        built = image()
        daemon.has(inspected(built, built.config.digest), docker_25(built))
        daemon.go_on = threading.Event()
        for method in ("put_blob", "keep"):
            output = MemoryOutput(fail_at=method)
            with pytest.raises(OccystrapError, match="^destination: no space left on the device$"):
                run(source(NAME, daemon.socket), lambda context, output=output: output)  # type: ignore[misc]  # mypy types no lambda defaults
            assert output.aborted


class TestRealDaemons:
    @pytest.fixture(params=["docker", "podman"])
    def socket(self, request: pytest.FixtureRequest) -> Path:
        if request.param == "docker":
            dockerd: peers.DockerDaemon = request.getfixturevalue("dockerd")
            return dockerd.socket
        found: Path = request.getfixturevalue("podman_socket")
        return found

    @pytest.mark.parametrize("filters", [[], [normalize]])
    def test_not_a_byte_is_different(self, socket: Path, tmp_path: Path, filters: list[Callable[[], Any]]) -> None:
        load(MemoryInput(image()), "arrivals:x", socket, depth=None)
        for name, opened in (
            ("slow", Waiting(source("arrivals:x", socket))),
            ("fast", source("arrivals:x", socket)),
        ):
            run(opened, partial(layout, tmp_path / name), *[each() for each in filters])
        assert files_below(tmp_path / "slow") == files_below(tmp_path / "fast")

    def test_a_temporary_directory_that_would_not_hold_the_image(
        self, socket: Path, tmp_path: Path, run_cli: Callable[..., peers.Result]
    ) -> None:
        peers.require_root("mounting a small disk")
        content = bytes(range(256)) * 40_000
        load(MemoryInput(build_image([layer_tar(("big", content))])), "arrivals:big", socket, depth=None)
        small = tmp_path / "small"
        small.mkdir()
        peers.run_tool("mount", "-t", "tmpfs", "-o", "size=512k", "none", str(small))
        uri = f"docker://arrivals:big?socket={socket}"
        try:
            done = run_cli("--temp-dir", small, "--no-verify", "process", uri, f"ocidir://{tmp_path / 'out'}:x")
            assert done.returncode == 0, done.stderr
            done = run_cli("--temp-dir", small, "--no-verify", "process", uri, f"tar://{tmp_path / 'out.tar'}")
            full = f"Error: temporary files: {small}: No space left on device (--temp-dir "
            assert done.stderr.startswith(full), "an archive's layers have an order"
        finally:
            peers.run_tool("umount", "-l", str(small))

    def test_an_image_without_layers(self, socket: Path, tmp_path: Path, run_cli: Callable[..., peers.Result]) -> None:
        load(MemoryInput(build_image([])), "arrivals:none", socket, depth=None)
        done = run_cli("process", f"docker://arrivals:none?socket={socket}", f"ocidir://{tmp_path / 'out'}:x")
        if done.returncode:
            assert "docker" in str(socket) and done.stderr.endswith("without layers: use dockerpush://)\n"), done.stderr
        uri = f"dockerpush://arrivals:none?socket={socket}"
        done = run_cli("process", uri, f"ocidir://{tmp_path / 'pushed'}:x")
        assert done.returncode == 0, done.stderr

    def test_into_a_registry(
        self, socket: Path, registry: peers.Registry, run_cli: Callable[..., peers.Result]
    ) -> None:
        load(MemoryInput(image()), "arrivals:x", socket, depth=None)
        target = f"registry://{registry.host}/{registry.fresh('arrivals')}:x"
        done = run_cli(
            "--verify-full",
            "process",
            f"docker://arrivals:x?socket={socket}",
            target,
            "-f",
            "exclude:pattern=etc/file2",
        )
        assert (done.returncode, "verified OK" in done.stderr) == (0, True), done.stderr


def test_a_store_of_memory_gets_the_same(daemon: Daemon) -> None:
    """With real numbers of what was read and written."""
    built = image()
    daemon.has(inspected(built, built.config.digest), docker_24(built))
    stores = MemoryStore(), MemoryStore()
    slow, fast = (
        run(opened, lambda context, store=store: MemoryOutput(store), normalize())  # type: ignore[misc]  # mypy types no lambda defaults
        for opened, store in zip(
            (Waiting(source(NAME, daemon.socket)), source(NAME, daemon.socket)), stores, strict=True
        )
    )
    assert slow.images == fast.images and stores[0].snapshot() == stores[1].snapshot()
    assert all(layer.stats.altered and layer.stats.bytes_in for layer in fast.images[0].layers)
    assert not any(layer.reused for layer in fast.images[0].layers)


def test_an_interruption_does_not_wait_for_a_daemon_that_is_silent(daemon: Daemon, tmp_path: Path) -> None:
    built, target = image(), tmp_path / "out"
    daemon.has(inspected(built, built.config.digest), docker_25(built))
    daemon.go_on = threading.Event()
    command = ["process", f"docker://{NAME}?socket={daemon.socket}", f"ocidir://{target}:x"]
    running = subprocess.Popen([sys.executable, "-m", "occystrap_core", *command], stderr=subprocess.PIPE, text=True)
    try:
        while len(list(target.glob(".occystrap-incoming-*/*"))) < 3:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, errors = running.communicate(timeout=30)
        assert time.monotonic() - began < 10
    finally:
        daemon.go_on.set()
        running.kill()
    assert (running.returncode, errors) == (130, "Interrupted: stopped before it was done\n")
    assert not target.exists()

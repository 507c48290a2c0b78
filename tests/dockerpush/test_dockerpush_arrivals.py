"""Layers go on while the daemon still pushes others."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.contracts.arrival import Take
from occystrap_core.contracts.input import Chunk
from occystrap_core.contracts.output import Slot, Staged
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM, Settings
from occystrap_core.engine.chain import OpenFilter
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.process import process
from occystrap_core.engine.selection import Selection
from occystrap_core.kit.distribution.server import PushedImages
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.document import Document
from occystrap_core.model.errors import TransferError
from occystrap_core.model.layer import SealedLayer
from occystrap_core.testing.memory import MemoryOutput, MemoryStore
from occystrap_filters.normalize_timestamps.filter import NormalizeTimestamps
from occystrap_filters.normalize_timestamps.plugin import NormalizeOptions
from tests import peers
from tests.docker.moves import Waiting
from tests.dockerpush.conftest import IMAGE, Daemon
from tests.dockerpush.test_dockerpush import open_push
from tests.dockerpush.test_dockerpush_failures import large_image, wait_for_the_push

RunCli = Callable[..., peers.Result]


def transfer(source: Any, output: MemoryOutput, *filters: Any, parallel: int = 4) -> Outcome:
    chosen = tuple(OpenFilter(type(each).__name__, each) for each in filters)
    settings = Settings(parallel=parallel)
    try:
        selection = Selection((DEFAULT_PLATFORM,))
        return process(Request(source, lambda context: output, selection, settings, Silent(), chosen, depth=None))
    finally:
        source.close()


@pytest.mark.parametrize("filters", [[], [lambda: NormalizeTimestamps(NormalizeOptions(timestamp=1))]])
def test_not_a_byte_is_different(daemon: Daemon, filters: list[Callable[[], Any]]) -> None:
    name, stores, outcomes = daemon.load(IMAGE), (MemoryStore(), MemoryStore()), []
    for store, source in zip(stores, (open_push(daemon, name), Waiting(open_push(daemon, name))), strict=True):
        outcomes.append(transfer(source, MemoryOutput(store), *[each() for each in filters]))
    assert outcomes[0].images == outcomes[1].images
    assert stores[0].snapshot() == stores[1].snapshot()
    assert [layer.reused for layer in outcomes[0].images[0].layers] == [False, False, not filters]


@pytest.mark.parametrize("parallel", [1, 4])
def test_layers_are_there_before_the_push_has_ended_and_keep_nobody_waiting(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, parallel: int
) -> None:
    """The manifest, which comes last, waits for a layer to be kept, and the first layer for another to be pushed."""
    kept, pushed, put_blob, put_manifest = threading.Event(), [], PushedImages.put_blob, PushedImages.put_manifest

    def watched_blob(self: PushedImages, repository: str, digest: Any, blob: Any) -> None:
        put_blob(self, repository, digest, blob)
        pushed.append(digest)

    def waiting_manifest(self: PushedImages, repository: str, tag: str, document: Document) -> None:
        assert kept.wait(20), "no layer was kept before the end of the push"
        put_manifest(self, repository, tag, document)

    monkeypatch.setattr(PushedImages, "put_blob", watched_blob)
    monkeypatch.setattr(PushedImages, "put_manifest", waiting_manifest)

    class Slow(MemoryOutput):
        def put_blob(self, chunks: Iterable[Chunk], slot: Slot) -> Staged:
            deadline = time.monotonic() + 20
            while len(pushed) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert len(pushed) >= 2, "the daemon had to wait"
            return super().put_blob(chunks, slot)

        def keep(self, staged: Staged, blob: Descriptor, layer: SealedLayer | None) -> None:
            super().keep(staged, blob, layer)
            kept.set()

    transfer(open_push(daemon, daemon.load(IMAGE)), Slow(), parallel=parallel)


@pytest.mark.parametrize("method", ["put_blob", "keep"])
def test_a_destination_that_fails_ends_the_push(daemon: Daemon, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, failed = daemon.load(IMAGE), threading.Event()
    names, threads, put_manifest = daemon.names(), threading.active_count(), PushedImages.put_manifest

    def waiting_manifest(self: PushedImages, repository: str, tag: str, document: Document) -> None:
        assert failed.wait(20)
        time.sleep(1)
        put_manifest(self, repository, tag, document)

    monkeypatch.setattr(PushedImages, "put_manifest", waiting_manifest)

    class Failing(MemoryOutput):
        def _maybe_fail(self, called: str) -> None:
            if called == method:
                failed.set()
            super()._maybe_fail(called)

    output = Failing(fail_at=method)
    with pytest.raises(TransferError, match="^destination: no space left on the device$"):
        transfer(open_push(daemon, name), output)
    assert output.aborted
    assert daemon.names() == names and threading.active_count() == threads


def test_a_full_destination_is_one_clear_line(daemon: Daemon, run_cli: RunCli, tmp_path: Path) -> None:
    peers.require_root("mounting a small disk")
    name = daemon.load(large_image())
    names, small = daemon.names(), tmp_path / "small"
    small.mkdir()
    peers.run_tool("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small))
    try:
        done = run_cli("process", daemon.uri(name), f"ocidir://{small}/out:x")
        assert list(small.iterdir()) == []
    finally:
        peers.run_tool("umount", "-l", str(small))
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert done.stderr.startswith("Error: destination: ") and done.stderr.endswith(": No space left on device\n")
    assert daemon.names() == names


def test_an_image_for_another_platform_is_not_pushed(docker: Daemon, run_cli: RunCli, tmp_path: Path) -> None:
    name = docker.load(IMAGE)
    answers = [
        run_cli("-v", "process", *how, "--platform", "linux/s390x")
        for how in (
            (docker.uri(name), f"ocidir://{tmp_path / 'out'}:x"),
            (docker.uri(name).replace("dockerpush:", "docker:"), f"tar://{tmp_path / 'out.tar'}"),
        )
    ]
    for done in answers:
        assert done.returncode == 3 and "/push" not in done.stderr and "/get" not in done.stderr
        assert done.stderr.endswith("\nError: source: no image for linux/s390x (it has linux/amd64)\n")
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_takes_everything_back(daemon: Daemon, tmp_path: Path) -> None:
    image = daemon.load(large_image())
    names, temp, target = daemon.names(), tmp_path / "temp", tmp_path / "out"
    temp.mkdir()
    command = ["--temp-dir", str(temp), "process", daemon.uri(image), f"ocidir://{target}:x"]
    running = subprocess.Popen([sys.executable, "-m", "occystrap_core", *command], stderr=subprocess.PIPE, text=True)
    wait_for_the_push(running.pid)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert (running.returncode, errors) == (130, "Interrupted: stopped before it was done\n")
    assert daemon.names() == names
    assert list(temp.iterdir()) == [] and not target.exists()


def test_what_takes_may_end_it(daemon: Daemon) -> None:
    name, source = daemon.load(IMAGE), None
    names = daemon.names()
    take: Take = _refusing
    source = open_push(daemon, name)
    with pytest.raises(TransferError, match="^enough$"):
        source.deliver(take)
    source.close()
    assert daemon.names() == names


def _refusing(arrival: object) -> bool:
    raise TransferError("enough")

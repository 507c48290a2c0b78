"""`check --fast` asks a registry about several blobs at once; what it says stays the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from occystrap_core.cli.check_job import SourceBlobs
from occystrap_core.contracts.input import InputTraits
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import TransferError
from occystrap_core.testing.build import BuiltImage, build_image, file, layer_tar
from occystrap_core.testing.memory import MemoryInput
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.checks.command import run_here
from tests.cli.test_startup import imported_by
from tests.peers import REPOSITORY_ROOT

LAYERS = 8


def image(layers: int = LAYERS) -> BuiltImage:
    return build_image([layer_tar(file(f"file{number}", str(number))) for number in range(layers)])


IMAGE = image()
WANTED = [layer.descriptor for layer in IMAGE.layers]


class Asked(MemoryInput):
    """A source that is far away, and keeps who asks waiting until so many do."""

    def __init__(self, at_once: int, *, remote: bool = True) -> None:
        super().__init__(IMAGE)
        self.traits = InputTraits(remote=remote)
        self.barrier = threading.Barrier(at_once)
        self.questions: list[Descriptor] = []

    def has_blob(self, descriptor: Descriptor) -> bool:
        self.questions.append(descriptor)
        self.barrier.wait(timeout=10)
        return descriptor.digest != WANTED[2].digest


def test_several_are_asked_about_at_once_and_each_once() -> None:
    source = Asked(4)
    blobs = SourceBlobs(source, 4)
    blobs.expect([*WANTED, *WANTED])
    assert [blobs.has(each) for each in WANTED] == [number != 2 for number in range(LAYERS)]
    assert sorted(str(each.digest) for each in source.questions) == sorted(str(each.digest) for each in WANTED)


@pytest.mark.parametrize(
    ("remote", "at_once", "wanted"), [(False, 4, WANTED), (True, 1, WANTED), (True, 4, WANTED[:1])]
)
def test_nothing_is_asked_ahead_without_need(remote: bool, at_once: int, wanted: list[Descriptor]) -> None:
    source = Asked(1, remote=remote)
    SourceBlobs(source, at_once).expect(wanted)
    assert source.questions == []


def test_a_source_that_cannot_answer_is_not_asked_much_longer() -> None:
    class Silent(Asked):
        def has_blob(self, descriptor: Descriptor) -> bool:
            self.questions.append(descriptor)
            raise TransferError(f"no answer about {descriptor.digest}")

    source = Silent(2)
    blobs = SourceBlobs(source, 2)
    blobs.expect(WANTED)
    assert {blobs.has(each) for each in WANTED} == {None}
    assert blobs.unanswered == [f"whether all blobs are there: no answer about {each.digest}" for each in WANTED[:3]]
    assert len(source.questions) <= 4


def test_one_that_fails_in_the_middle_is_told_where_it_is_asked_about() -> None:
    class Flaky(Asked):
        def has_blob(self, descriptor: Descriptor) -> bool:
            if descriptor.digest == WANTED[5].digest:
                raise PermissionError(13, "Permission denied")
            return True

    blobs = SourceBlobs(Flaky(1), 4)
    blobs.expect(WANTED)
    assert [blobs.has(each) for each in WANTED] == [None if number == 5 else True for number in range(LAYERS)]
    assert len(blobs.unanswered) == 1


def test_findings_are_the_same_however_many_are_asked_at_once() -> None:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "library/thing", "v1")
        for number in (6, 1, 4):
            registry.fail(Fault("HEAD", str(WANTED[number].digest), times=None, status=404))
        uri = f"registry://{registry.host}/library/thing:v1"
        ran = [run_here("check", "--fast", uri, "--insecure", "-O", "json", "-j", each) for each in ("1", "2", "8")]
        asked = len(registry.seen("HEAD", "/blobs/"))
    reports = [json.loads(each.stdout)["results"] for each in ran]
    assert reports[0] == reports[1] == reports[2]
    assert [each["where"]["layer"] for each in reports[0] if each["check"] == "blob-missing"] == [1, 4, 6]
    assert asked == 3 * LAYERS


def test_ctrl_c_ends_it_while_the_registry_thinks() -> None:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "library/thing", "v1")
        registry.fail(Fault("HEAD", "/blobs/", times=None, think=20))
        uri = f"registry://{registry.host}/library/thing:v1"
        command = [sys.executable, "-m", "occystrap_core", "check", "--fast", uri, "--insecure"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY_ROOT) as run:
            while len(registry.seen("HEAD", "/blobs/")) < 4 and run.poll() is None:
                time.sleep(0.01)
            os.kill(run.pid, signal.SIGINT)
            asked = time.monotonic()
            said = run.communicate(timeout=15)[1]
            assert time.monotonic() - asked < 5
    assert (run.returncode, "Traceback" in said) == (130, False)


_PROBE = """
import sys
from occystrap_core.cli.entry import main
code = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(("layers", "pool"), [(1, False), (2, True)])
def test_threads_are_loaded_for_more_than_one_question_only(layers: int, pool: bool) -> None:
    with EmbeddedRegistry() as registry:
        registry.add(image(layers), "library/thing", "v1")
        uri = f"registry://{registry.host}/library/thing:v1"
        loaded = imported_by(_PROBE, "--quiet", "check", "--fast", uri, "--insecure")
    assert ("concurrent.futures.thread" in loaded) == pool

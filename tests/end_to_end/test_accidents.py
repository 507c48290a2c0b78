"""Full disks, killed runs, signals and readers that go away: nothing half-written, and the next run succeeds."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from occystrap_core.testing.build import build_image, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.end_to_end import witness
from tests.peers import require_root, run_cli

SOURCE = "sample://app:1?layers=3&files=3&size=2000000"
DESTINATIONS = ["tar://{}/out", "tar://{}/out?format=oci&compression=gzip", "ocidir://{}/out", "dir://{}/out"]
SMALL = "sample://app:1?layers=3&files=3&size=500000"
NORMALIZE = ("-f", "normalize-timestamps:ts=9")
everywhere = pytest.mark.parametrize("destination", DESTINATIONS, ids=["docker tar", "oci tar", "ocidir", "dir"])

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Runs of the program; those that still go on at the end of the test are ended."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str | Path, **settings: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "occystrap_core", *map(str, arguments)]
        settings = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **settings}
        running.append(subprocess.Popen(command, **settings))  # type: ignore[call-overload]  # Popen's own settings
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def whole(path: Path) -> witness.Seen:
    if path.is_file():
        return witness.in_archive(path)
    return witness.in_layout(path, "latest") if (path / "index.json").exists() else witness.in_directory(path)


def leftovers(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class TestAFullDisk:
    @pytest.fixture
    def small(self, tmp_path: Path) -> Iterator[Path]:
        """A file system that holds five megabytes."""
        require_root("a small file system of its own")
        path = tmp_path / "small"
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "none", path], check=True)
        try:
            yield path
        finally:
            subprocess.run(["umount", path], check=True)

    @everywhere
    @pytest.mark.parametrize("filters", [(), NORMALIZE], ids=["unfiltered", "filtered"])
    def test_under_the_destination(self, small: Path, destination: str, filters: tuple[str, ...]) -> None:
        done = run_cli("process", SOURCE, destination.format(small), *filters)
        assert (done.returncode, done.stdout) == (3, "")
        assert re.fullmatch(rf"Error: destination: {small}(/out)?: No space left on device\n", done.stderr)
        assert leftovers(small) == []

    @everywhere
    def test_what_was_there_before_stays(self, small: Path, destination: str) -> None:
        assert run_cli("process", "sample://app:0?size=1000", destination.format(small)).returncode == 0
        before, there = whole(small / "out"), leftovers(small)
        assert run_cli("process", SOURCE, destination.format(small)).returncode == 3
        assert (whole(small / "out"), leftovers(small)) == (before, there)

    def test_under_temporary_files(self, small: Path, tmp_path: Path) -> None:
        """It is said which disk is full."""
        with EmbeddedRegistry() as registry:
            registry.add(build_image([layer_tar(("data", os.urandom(6_000_000)))]), "large")
            source = f"registry://{registry.host}/large"
            looking = ("--temp-dir", small, "-f", "exclude:pattern=no/such/file")
            for target in (f"ocidir://{tmp_path}/out", f"registry://{registry.host}/other"):
                done = run_cli("process", source, target, *looking)
                assert done.returncode == 3
                assert f"{small}: No space left on device" in done.stderr
                assert done.stderr.count("\n") == 1
                assert leftovers(small) == []
        assert not (tmp_path / "out").exists()

    @everywhere
    def test_files_that_may_not_grow(self, tmp_path: Path, start: Start, destination: str) -> None:
        """A quota answers with another error, and first with a signal."""
        (tmp_path / "there").mkdir()

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

        process = start("process", SOURCE, destination.format(tmp_path / "there"), preexec_fn=limit)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 3
        assert re.fullmatch(rf"Error: destination: {tmp_path}/there(/out)?: File too large\n", errors.decode())
        assert leftovers(tmp_path / "there") == []


MOMENTS_OF_A_FASTER_RUN = (0.3, 0.25, 0.2, 0.15, 0.1, 0.05)
"""The first run may have been slowed down by something else."""


class TestKilled:
    @pytest.mark.parametrize("destination", [DESTINATIONS[0], *DESTINATIONS[2:]], ids=["tar", "ocidir", "dir"])
    def test_at_any_moment(self, tmp_path: Path, start: Start, destination: str) -> None:
        """Nothing ever stands under the final name but the whole image, and the next run tidies up."""
        expected = tmp_path / "expected"
        expected.mkdir()
        assert run_cli("process", SMALL, destination.format(expected)).returncode == 0
        began = time.monotonic()
        assert run_cli("process", SMALL, destination.format(tmp_path)).returncode == 0
        duration = time.monotonic() - began
        killed = 0
        for attempt, moment in enumerate((0.35, 0.48, 0.61, 0.74, 0.87, *MOMENTS_OF_A_FASTER_RUN)):
            if attempt >= 5 and killed >= 2:
                break
            folder = tmp_path / str(attempt)
            folder.mkdir()
            process = start("process", SMALL, destination.format(folder))
            time.sleep(duration * moment)
            process.kill()
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
            out = folder / "out"
            if out.is_file() or (out / "index.json").exists() or (out / "manifest.json").exists():
                assert whole(out) == whole(expected / "out")
            again = run_cli("process", SMALL, destination.format(folder))
            assert again.returncode == 0, again.stderr
            assert whole(out) == whole(expected / "out")
            if out.is_dir():
                assert leftovers(out) == leftovers(expected / "out")
        assert killed >= 2

    def test_a_push_that_is_killed_leaves_no_tag(self, start: Start) -> None:
        with EmbeddedRegistry() as registry:
            registry.fail(Fault("PUT", "/manifests/", stall=60, cut_after=0))
            process = start("process", SOURCE, f"registry://{registry.host}/app:1")
            wait_for(lambda: registry.seen("PUT", "/blobs/"))
            process.kill()
            process.wait()
            registry.faults.clear()
            done = run_cli("process", SOURCE, f"registry://{registry.host}/app:1", "--verify-full")
            assert done.returncode == 0, done.stderr


class TestInterrupted:
    """Ctrl-C and its relatives, while the program waits for somebody who does not answer."""

    @pytest.fixture
    def stalling(self) -> Iterator[EmbeddedRegistry]:
        with EmbeddedRegistry() as registry:
            registry.add(build_image([layer_tar((f"data{n}", os.urandom(300_000))) for n in range(3)]), "three")
            registry.add(build_image([layer_tar(("data", os.urandom(300_000)))]), "one")
            yield registry

    def stopped(self, process: subprocess.Popen[bytes], number: signal.Signals, code: int) -> None:
        began = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - began < 5
        assert process.returncode == code
        assert errors.decode().splitlines()[-1:] == ["Interrupted: stopped before it was done"]
        assert b"Traceback" not in errors

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    @pytest.mark.parametrize("image", ["one", "three"])
    @pytest.mark.parametrize("filters", [(), NORMALIZE], ids=["unfiltered", "filtered"])
    @pytest.mark.parametrize("destination", ["tar://{}/out", "ocidir://{}/out"])
    def test_while_a_download_stalls(
        self,
        stalling: EmbeddedRegistry,
        tmp_path: Path,
        start: Start,
        number: signal.Signals,
        code: int,
        image: str,
        filters: tuple[str, ...],
        destination: str,
    ) -> None:
        stalling.fail(Fault("GET", "/blobs/sha256:", times=1))  # the config
        stalling.fail(Fault("GET", "/blobs/", times=None, cut_after=70_000, stall=60))
        there, temporary = tmp_path / "there", tmp_path / "temporary"
        there.mkdir()
        temporary.mkdir()
        source = f"registry://{stalling.host}/{image}"
        process = start("process", source, destination.format(there), "--temp-dir", temporary, *filters)
        wait_for(lambda: len(stalling.seen("GET", "/blobs/")) > 1)
        time.sleep(0.1)
        self.stopped(process, number, code)
        assert leftovers(there) == leftovers(temporary) == []

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    @pytest.mark.parametrize("filters", [(), NORMALIZE], ids=["unfiltered", "filtered"])
    def test_while_an_upload_stalls(
        self, stalling: EmbeddedRegistry, start: Start, method: str, filters: tuple[str, ...]
    ) -> None:
        with EmbeddedRegistry() as target:
            target.fail(Fault(method, "/blobs/uploads", times=None, cut_after=0, stall=60))
            process = start("process", f"registry://{stalling.host}/three", f"registry://{target.host}/a", *filters)
            wait_for(lambda: target.seen(method, "/blobs/uploads"))
            time.sleep(0.1)
            self.stopped(process, signal.SIGINT, 130)
            assert target.store.repository("a").tags == {}

    @pytest.mark.parametrize("command", ["check", "search"])
    def test_while_other_commands_read_layers(self, stalling: EmbeddedRegistry, start: Start, command: str) -> None:
        stalling.fail(Fault("GET", "/blobs/sha256:", times=1))
        stalling.fail(Fault("GET", "/blobs/", times=None, cut_after=70_000, stall=60))
        pattern = ("*",) if command == "search" else ()
        process = start(command, f"registry://{stalling.host}/three", *pattern, stdout=subprocess.DEVNULL)
        wait_for(lambda: len(stalling.seen("GET", "/blobs/")) > 1)
        time.sleep(0.1)
        self.stopped(process, signal.SIGINT, 130)

    def test_while_it_waits_before_another_attempt(
        self, stalling: EmbeddedRegistry, tmp_path: Path, start: Start
    ) -> None:
        stalling.fail(Fault("GET", "/blobs/sha256:", times=1))
        stalling.fail(Fault("GET", "/blobs/", times=None, status=429, headers={"Retry-After": "60"}))
        process = start("process", f"registry://{stalling.host}/three", f"tar://{tmp_path}/out")
        wait_for(lambda: len(stalling.seen("GET", "/blobs/")) > 1)
        self.stopped(process, signal.SIGINT, 130)

    def test_while_it_keeps_to_a_rate_limit(self, stalling: EmbeddedRegistry, tmp_path: Path, start: Start) -> None:
        arguments = ("--rate-limit", "0.05")
        process = start("process", f"registry://{stalling.host}/three", f"tar://{tmp_path}/out", *arguments)
        wait_for(lambda: stalling.seen("GET", "/manifests/"))
        self.stopped(process, signal.SIGINT, 130)

    def test_an_error_of_one_layer_does_not_wait_for_another_that_stalls(
        self, stalling: EmbeddedRegistry, tmp_path: Path
    ) -> None:
        stalling.fail(Fault("GET", "/blobs/sha256:", times=1))
        stalling.fail(Fault("GET", "/blobs/", times=1, cut_after=70_000, stall=60))
        stalling.fail(Fault("GET", "/blobs/", times=None, flip=500))
        began = time.monotonic()
        done = run_cli("process", f"registry://{stalling.host}/three", f"tar://{tmp_path}/out")
        assert time.monotonic() - began < 10
        assert done.returncode == 3
        assert done.stderr.startswith("Error: source: layer ")

    def test_while_it_reads_a_pipe_that_nobody_fills(self, tmp_path: Path, start: Start) -> None:
        reading, writing = os.pipe()
        process = start("process", "tar://-", f"tar://{tmp_path}/out", stdin=reading)
        os.write(writing, b"\0" * 100)
        time.sleep(0.5)
        self.stopped(process, signal.SIGINT, 130)
        os.close(reading)
        os.close(writing)
        assert not list(tmp_path.glob("*out*"))


class TestStandardOutput:
    def test_a_reader_of_an_archive_that_goes_away(self, start: Start) -> None:
        process = start("process", SOURCE, "tar://-", stdout=subprocess.PIPE)
        assert process.stdout
        assert len(process.stdout.read(1000)) == 1000
        process.stdout.close()
        errors = process.stderr.read() if process.stderr else b""
        assert process.wait(30) == 3
        assert errors == b"Error: destination: standard output: Broken pipe\n"

    def test_a_reader_of_results_that_goes_away(self, tmp_path: Path, start: Start) -> None:
        """`| head -1`: the image is there all the same, and nobody complains."""
        source = "sample://?files=5000&size=1"
        search = ("-f", "search:pattern=*")
        process = start("process", source, f"tar://{tmp_path}/a.tar", *search, stdout=subprocess.PIPE)
        assert process.stdout
        assert process.stdout.readline().startswith(b"Layer: ")
        process.stdout.close()
        assert (process.stderr.read() if process.stderr else b"") == b""
        assert process.wait(60) == 141
        assert witness.in_archive(tmp_path / "a.tar").is_consistent

    def test_a_full_disk_behind_it(self, tmp_path: Path, start: Start) -> None:
        for arguments in (("tar://-",), (f"tar://{tmp_path}/a.tar", "-O", "json")):
            with Path("/dev/full").open("wb") as full:
                process = start("process", SOURCE, *arguments, stdout=full)
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 3
            assert errors.decode().splitlines()[-1].endswith("No space left on device")

    def test_a_full_disk_behind_standard_error(self, tmp_path: Path, start: Start) -> None:
        """There is nobody to tell, but the exit code tells."""
        with Path("/dev/full").open("wb") as full:
            process = start("process", SOURCE, f"tar://{tmp_path}/a.tar", stderr=full)
            assert process.wait(60) == 3
            process = start("process", "smaple://", f"tar://{tmp_path}/a.tar", stderr=full)
            assert process.wait(60) == 2

    def test_an_archive_for_a_device(self) -> None:
        assert run_cli("process", SOURCE, "tar:///dev/null").returncode == 0

    def test_a_named_pipe(self, tmp_path: Path, start: Start) -> None:
        os.mkfifo(tmp_path / "pipe")
        process = start("process", SOURCE, f"tar://{tmp_path}/pipe")
        with (tmp_path / "pipe").open("rb") as pipe, (tmp_path / "copy.tar").open("wb") as copy:
            shutil.copyfileobj(pipe, copy)
        assert process.wait(60) == 0
        assert witness.in_archive(tmp_path / "copy.tar").is_consistent


def wait_for(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)

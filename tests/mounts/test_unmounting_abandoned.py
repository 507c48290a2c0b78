"""`occystrap unmount` finds what a killed run left beside the name that it never got."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from occystrap_core.kit.rootfs.mountinfo import mounts_below
from occystrap_core.kit.rootfs.overlay import unmount_overlay
from tests.mounts.test_mounts import needs_root, occystrap
from tests.peers import REPOSITORY_ROOT

pytestmark = needs_root
SAMPLE = "sample://app?layers=2&files=3"
_BEFORE_THE_RENAME = """
import os, sys
from occystrap_core.cli.entry import main
from occystrap_core.kit.rootfs import workplace
def stop(_):
    print("mounted", flush=True)
    sys.stdin.read()
    {then}
workplace._sync_all = stop
sys.exit(main())
"""


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "image"
    for point in mounts_below(tmp_path):
        unmount_overlay(Path(point).parent)


@contextmanager
def mounting(target: Path, then: str = "pass") -> Iterator[subprocess.Popen[str]]:
    """A run that has its mount, and waits before it gives it the name."""
    script = _BEFORE_THE_RENAME.format(then=then)
    command = [sys.executable, "-c", script, "--quiet", "process", SAMPLE, f"mounts://{target}"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY_ROOT, text=True
    ) as run:
        assert run.stdout
        assert run.stdout.readline() == "mounted\n"
        yield run
        run.communicate(timeout=60)


def killed(target: Path) -> Path:
    """The directory that a killed run leaves."""
    before = set(target.parent.iterdir())
    with mounting(target, then="os.kill(os.getpid(), 9)"):
        pass
    (left,) = set(target.parent.iterdir()) - before
    assert mounts_below(target.parent)[-1:] == [f"{left}/rootfs"]
    return left


def unmount(*words: str | Path) -> tuple[int, list[str]]:
    done = occystrap("unmount", *words)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()


def test_the_mount_of_a_killed_run_is_taken_down(target: Path) -> None:
    left = killed(target)
    assert unmount(target) == (0, [f"{left}, which a killed run left, is unmounted"])
    assert mounts_below(target.parent) == []
    assert left.exists()
    code, (line,) = unmount(target)
    assert (code, "does not exist" in line, "--remove deletes" in line) == (3, True, True)
    assert unmount(target, "--remove") == (0, [f"{left}, which a killed run left, is removed"])
    assert os.listdir(target.parent) == []


def test_and_removed_with_all_its_layers(target: Path) -> None:
    left = [killed(target)]
    left[0].rename(aside := target.parent / "aside")
    left.append(killed(target))
    aside.rename(left[0])
    assert unmount(target, "--remove") == (0, [f"{each}, which a killed run left, is removed" for each in sorted(left)])
    assert (os.listdir(target.parent), mounts_below(target.parent)) == ([], [])


def test_beside_a_directory_that_was_empty(target: Path) -> None:
    target.mkdir()
    left = killed(target)
    assert unmount(target) == (0, [f"{left}, which a killed run left, is unmounted"])
    assert unmount(target)[0] == 2


def test_together_with_the_mount_that_has_the_name(target: Path) -> None:
    assert occystrap("process", SAMPLE, f"mounts://{target}").returncode == 0
    assert unmount(target)[0] == 0
    left = killed(target)
    peer = occystrap("process", SAMPLE, f"mounts://{target.parent}/other")
    assert peer.returncode == 0, peer.stderr
    assert unmount(target) == (0, [f"{left}, which a killed run left, is unmounted"])
    assert unmount(target.parent / "other", "--remove")[0] == 0
    lines = [f"{left}, which a killed run left, is removed", f"{target} is removed"]
    assert unmount(target, "--remove") == (0, lines)
    assert os.listdir(target.parent) == []


def test_what_a_running_process_works_on_is_left_alone(target: Path) -> None:
    with mounting(target):
        for option in ((), ("--remove",)):
            code, (line,) = unmount(target, *option)
            assert (code, "does not exist" in line) == (3, True)
        assert len(mounts_below(target.parent)) == 1
    assert mounts_below(target.parent) == [f"{target}/rootfs"]
    assert unmount(target, "--remove") == (0, [f"{target} is removed"])


def test_what_a_killed_run_with_another_name_left_is_left_alone(target: Path) -> None:
    other = killed(target.with_name("image.new"))
    assert unmount(target)[0] == 3
    assert mounts_below(target.parent) == [f"{other}/rootfs"]


def test_what_is_busy_there_stays_and_is_named(target: Path) -> None:
    left = killed(target)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=left / "rootfs") as process:
        code, (line,) = unmount(target, "--remove")
        assert (code, "busy" in line, str(left) in line) == (3, True, True)
        assert process.stdin
        process.stdin.close()
    assert unmount(target, "--remove")[0] == 0

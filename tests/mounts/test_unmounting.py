"""`occystrap unmount`: one line for everything that can be in its way, and nothing half taken down."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from occystrap_core.kit.rootfs.overlay import mounted_at, unmount_overlay
from tests import peers
from tests.mounts.test_mounts import needs_root, occystrap
from tests.peers import REPOSITORY_ROOT

pytestmark = needs_root
SAMPLE = "sample://app?layers=2&files=3"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "image"
    yield path
    while mounted_at(path / "rootfs"):
        unmount_overlay(path)


def mount(target: Path) -> None:
    done = occystrap("process", SAMPLE, f"mounts://{target}")
    assert done.returncode == 0, done.stderr


def said(*words: str | Path) -> tuple[int, str]:
    done = occystrap("unmount", *words)
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


@contextmanager
def another_namespace(script: str) -> Iterator[subprocess.Popen[str]]:
    """Run a shell script where its mounts are its own, and wait for it to say something."""
    peers.require("unshare")
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{script} && echo done && exec cat"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY_ROOT, text=True
    ) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == "done\n"
        try:
            yield process
        finally:
            process.stdin.close()


def mounting(target: Path) -> str:
    return f"'{sys.executable}' -m occystrap_core --quiet process '{SAMPLE}' 'mounts://{target}'"


def test_twice(target: Path) -> None:
    mount(target)
    assert said(target) == (0, f"{target} is unmounted\n")
    code, line = said(target)
    assert (code, f"nothing is mounted at {target}/rootfs" in line) == (3, True)


def test_after_a_restart_nothing_is_mounted_and_the_rest_can_be_removed(target: Path) -> None:
    with another_namespace(mounting(target)):
        pass
    code, line = said(target)
    assert (code, "nothing is mounted at" in line, "--remove" in line) == (3, True, True)
    assert (target / "config.json").exists()
    assert said(target, "--remove") == (0, f"{target} is removed\n")
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize("option", [(), ("--remove",)], ids=("plain", "with --remove"))
def test_what_is_mounted_in_another_namespace_is_left_alone(target: Path, option: tuple[str, ...]) -> None:
    with another_namespace(mounting(target)) as process:
        code, line = said(target, *option)
        assert code == 3
        assert f"{target}/rootfs is mounted in another mount namespace, that of process {process.pid}" in line
        assert f"nsenter --mount --target {process.pid}" in line
        assert (target / "config.json").exists()


def test_nor_is_it_replaced(target: Path) -> None:
    with another_namespace(mounting(target)):
        done = occystrap("process", SAMPLE, f"mounts://{target}?overwrite=true")
        assert done.returncode == 2
        assert "is mounted in another mount namespace" in done.stderr
        assert len(list(target.glob("*/layer"))) == 2


def test_a_namespace_with_something_else_of_the_same_name_is_no_obstacle(target: Path) -> None:
    script = (
        f"mount -t tmpfs none '{target.parent}' && mkdir -p '{target}' && cd '{target}' && "
        f"mkdir low up work rootfs && mount -t overlay none -olowerdir=low,upperdir=up,workdir=work rootfs && cd /"
    )
    with another_namespace(script):
        mount(target)
        assert said(target, "--remove") == (0, f"{target} is removed\n")


def test_layers_that_another_namespace_still_uses_are_not_removed(target: Path) -> None:
    mount(target)
    with another_namespace("true") as process:
        code, line = said(target, "--remove")
        assert (code, f"process {process.pid}" in line) == (3, True)
        assert len(list(target.glob("*/layer"))) == 2
    assert said(target, "--remove")[0] == 0


def test_what_is_busy_stays_mounted(target: Path) -> None:
    mount(target)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=target / "rootfs") as process:
        code, line = said(target, "--remove")
        assert (code, "busy" in line) == (3, True)
        assert mounted_at(target / "rootfs")
        assert process.stdin
        process.stdin.close()
    assert said(target, "--remove")[0] == 0


def test_what_is_mounted_inside_is_named(target: Path) -> None:
    mount(target)
    peers.run_tool("mount", "-t", "tmpfs", "none", str(target / "rootfs/etc"))
    try:
        code, line = said(target)
        assert (code, f"{target}/rootfs/etc is mounted inside" in line) == (2, True)
    finally:
        peers.run_tool("umount", str(target / "rootfs/etc"))


def test_a_link_to_the_directory_is_as_good(target: Path, tmp_path: Path) -> None:
    mount(target)
    (tmp_path / "link").symlink_to(target)
    assert said(tmp_path / "link", "--remove")[0] == 0
    assert not target.exists()


def test_directories_of_somebody_else(target: Path, tmp_path: Path) -> None:
    code, line = said(tmp_path / "missing")
    assert (code, "does not exist" in line) == (3, True)
    code, line = said(tmp_path)
    assert (code, "is no directory that mounts:// wrote" in line) == (2, True)
    (tmp_path / "file").write_text("")
    assert said(tmp_path / "file")[0] == 2
    occystrap("process", SAMPLE, f"oci://{tmp_path}/bundle")
    assert said(tmp_path / "bundle", "--remove")[0] == 2
    assert (tmp_path / "bundle/rootfs").exists()


def test_files_that_somebody_put_there_are_not_removed_but_it_is_unmounted(target: Path) -> None:
    mount(target)
    (target / "notes.txt").write_text("mine")
    code, line = said(target, "--remove")
    assert (code, "notes.txt" in line) == (2, True)
    assert mounted_at(target / "rootfs")
    assert said(target) == (0, f"{target} is unmounted\n")
    assert (target / "notes.txt").read_text() == "mine"


def test_the_mount_of_occystrap_0_4_is_taken_down_too(target: Path) -> None:
    layer = target / ("a" * 64) / "layer"
    for path in (layer, target / "delta", target / "working", target / "rootfs"):
        path.mkdir(parents=True)
    for name in ("config.json", "container-config.json", "catalog.json", "manifest.json"):
        (target / name).write_text("{}")
    options = f"lowerdir={layer},upperdir={target}/delta,workdir={target}/working"
    peers.run_tool("mount", "-t", "overlay", "overlay", "-o", options, str(target / "rootfs"))
    assert said(target) == (0, f"{target} is unmounted\n")

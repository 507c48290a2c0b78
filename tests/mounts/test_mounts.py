"""mounts://: layers side by side, mounted for real, and taken down again."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from occystrap_core.kit.rootfs.overlay import mounted_at, require_root, unmount_overlay
from occystrap_core.model.errors import AccessDenied
from occystrap_core.testing.build import (
    Content,
    build_image,
    device,
    directory,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from tests.ocidir.moves import written
from tests.peers import REPOSITORY_ROOT, until_unseen

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="overlay mounts need root")

BASE = layer_tar(
    directory("etc", mode=0o750, uid=3, gid=4, mtime=1000),
    file("etc/passwd", "root:x:0:0::/:/bin/sh\n", mtime=5),
    file("etc/old", "gone", mtime=5),
    directory("var", mtime=7),
    directory("var/cache", mtime=7),
    file("var/cache/a", "a"),
    file("twin", "t", xattrs={"user.kind": b"twin"}),
    hardlink("twin2", "twin"),
    symlink("link", "etc/passwd"),
    device("null", 1, 3),
)
TOP = layer_tar(whiteout("etc/old"), file("etc/new", "n", mtime=9), opaque("var/cache"), file("var/cache/b", "b"))


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "mounted image"
    yield path
    if mounted_at(path / "rootfs"):
        unmount_overlay(path)


def archive(tmp_path: Path, content: Content) -> str:
    uri = f"ocidir://{tmp_path / 'layout'}"
    written(content, uri)
    return uri


def occystrap(*words: str | Path, **how: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "occystrap_core", *map(str, words)],
        cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=False, **how,  # type: ignore[call-overload]
    )  # fmt: skip
    if words[0] == "unmount":
        until_unseen(words[1])
    return done  # type: ignore[no-any-return]  # what run returns for text


def mount(tmp_path: Path, target: Path, content: Content, *words: str) -> subprocess.CompletedProcess[str]:
    return occystrap("process", archive(tmp_path, content), f"mounts://{target}", *words)


@needs_root
def test_the_overlay_shows_what_a_container_would_see(tmp_path: Path, target: Path) -> None:
    done = mount(tmp_path, target, build_image([BASE, TOP]), "--verify-full")
    assert (done.returncode, "verified OK" in done.stderr) == (0, True), done.stderr
    root = target / "rootfs"
    assert sorted(path.name for path in (root / "etc").iterdir()) == ["new", "passwd"]
    assert [path.name for path in (root / "var/cache").iterdir()] == ["b"]
    assert os.getxattr(root / "twin", "user.kind") == b"twin"
    assert (root / "twin").stat().st_nlink == 2
    assert stat.S_ISCHR((root / "null").lstat().st_mode)
    assert os.readlink(root / "link") == "etc/passwd"


@needs_root
def test_directories_that_a_layer_only_implies_keep_what_the_lower_layer_said(tmp_path: Path, target: Path) -> None:
    mount(tmp_path, target, build_image([BASE, TOP]))
    found = (target / "rootfs/etc").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_mtime) == (0o750, 3, 4, 1000)


@needs_root
def test_filters_work_in_front_and_configs_are_beside(tmp_path: Path, target: Path) -> None:
    image = build_image([BASE, TOP])
    done = mount(
        tmp_path, target, image, "-f", "normalize-timestamps:ts=77", "-f", "exclude:pattern=twin*", "--verify-full"
    )
    assert done.returncode == 0, done.stderr
    assert (target / "rootfs/etc/passwd").stat().st_mtime == 77
    assert not (target / "rootfs/twin").exists()
    assert (target / "config.json").exists()
    assert b"rootfs" in (target / "container-config.json").read_bytes()


@needs_root
def test_the_same_layer_twice_is_mounted_once(tmp_path: Path, target: Path) -> None:
    done = mount(tmp_path, target, build_image([BASE, TOP, BASE]), "--verify-full")
    assert done.returncode == 0, done.stderr
    assert (target / "rootfs/etc/old").exists()


@needs_root
def test_changes_go_to_the_delta_and_unmount_leaves_the_layers(tmp_path: Path, target: Path) -> None:
    mount(tmp_path, target, build_image([BASE, TOP]))
    (target / "rootfs/etc/mine").write_text("new")
    again = mount(tmp_path, target, build_image([BASE]))
    assert again.returncode == 2
    assert "is mounted inside" in again.stderr
    assert occystrap("unmount", target).returncode == 0
    assert mounted_at(target / "rootfs") is None
    assert (target / "delta/etc/mine").read_text() == "new"
    assert len(list(target.glob("*/layer"))) == 2
    assert "nothing is mounted" in occystrap("unmount", target).stderr
    assert mount(tmp_path, target, build_image([BASE])).returncode == 0
    assert occystrap("unmount", target, "--remove").returncode == 0
    assert not target.exists()


@needs_root
def test_a_mount_that_fails_leaves_nothing(tmp_path: Path, target: Path) -> None:
    many = build_image([layer_tar((f"file{number}", "x")) for number in range(501)])
    done = mount(tmp_path, target, many)
    assert done.returncode == 3
    assert "destination: cannot mount 501 layers: " in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["layout"]


@needs_root
def test_a_mount_that_fails_leaves_what_was_there_before(tmp_path: Path, target: Path) -> None:
    mount(tmp_path, target, build_image([BASE]))
    (target / "rootfs/mine").write_text("precious")
    occystrap("unmount", target)
    many = build_image([layer_tar((f"file{number}", "x")) for number in range(501)])
    assert mount(tmp_path, target, many).returncode == 3
    assert (target / "delta/mine").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["layout", "mounted image"]


@needs_root
def test_the_mount_that_a_killed_run_left_is_taken_down_by_the_next(tmp_path: Path, target: Path) -> None:
    mount(tmp_path, target, build_image([BASE]))
    abandoned = tmp_path / ".mounted image.0123abcd.occystrap-partial"
    target.rename(abandoned)
    assert mount(tmp_path, target, build_image([TOP])).returncode == 0
    assert mounted_at(abandoned / "rootfs") is None
    assert not abandoned.exists()


@needs_root
def test_another_overlay_cannot_hold_the_layers_and_that_is_said(tmp_path: Path) -> None:
    lower, upper, work, outer = (tmp_path / name for name in ("lower", "upper", "work", "outer"))
    for path in (lower, upper, work, outer):
        path.mkdir()
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, outer], check=True)
    try:
        for image in (build_image([BASE, TOP]), build_image([layer_tar(("only", "file"))])):
            done = mount(tmp_path, outer / "inner", image)
            assert done.returncode == 3
            assert "not on another overlay" in done.stderr
            assert list(outer.iterdir()) == []
    finally:
        subprocess.run(["umount", outer], check=True)


@needs_root
def test_two_hundred_layers_are_mounted(tmp_path: Path, target: Path) -> None:
    many = build_image([layer_tar((f"file{number}", "x")) for number in range(200)])
    assert mount(tmp_path, target, many).returncode == 0
    assert len(list((target / "rootfs").iterdir())) == 200


@needs_root
def test_a_layer_cannot_reach_out_of_its_directory(tmp_path: Path, target: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("alive")
    hostile = layer_tar(
        symlink("out", str(tmp_path)), file("out/canary", "dead"), file("../../canary", "dead"), whiteout("out/canary")
    )
    mount(tmp_path, target, build_image([hostile]))
    assert canary.read_text() == "alive"


@needs_root
def test_what_is_not_empty_is_refused_untouched(tmp_path: Path, target: Path) -> None:
    target.mkdir()
    (target / "precious").write_text("data")
    done = mount(tmp_path, target, build_image([BASE]))
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert (target / "precious").read_text() == "data"
    assert "is no directory that mounts:// wrote" in occystrap("unmount", target).stderr


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(AccessDenied, match="overlay mounts need root"):
        require_root()

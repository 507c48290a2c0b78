"""Layers that only mean something over others: the mount shows what a bundle of them has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from occystrap_core.kit.rootfs.copying import copy_data
from occystrap_core.kit.rootfs.overlay import mounted_at, unmount_overlay
from occystrap_core.testing.build import (
    build_image,
    directory,
    fifo,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from tests.mounts.test_mounts import mount, needs_root, occystrap

pytestmark = needs_root

FILE = file("a", "AAA", mode=0o640, uid=5, gid=6, mtime=9, xattrs={"user.kind": b"v"})
FOLDER = (directory("o", mode=0o700, uid=3, mtime=4), file("o/z", "z"))
MERGED = (directory("usr/lib", mode=0o750, mtime=5), file("usr/lib/q", "q"), symlink("lib", "usr/lib"))

CASES = {
    "hard links into a lower layer": [
        layer_tar(FILE, directory("d", mode=0o711, mtime=3), file("d/x", "x"), symlink("s", "nowhere")),
        layer_tar(
            hardlink("b", "a"), hardlink("c", "b"), hardlink("e/y", "d/x"), hardlink("t", "s"), hardlink("u", "s")
        ),
    ],
    "a hard link to what is then whited out": [layer_tar(FILE), layer_tar(hardlink("b", "a"), whiteout("a"))],
    "a hard link to what is then replaced": [layer_tar(FILE), layer_tar(hardlink("b", "a"), file("a", "new"))],
    "a hard link to what an opaque directory hides": [
        layer_tar(*FOLDER),
        layer_tar(hardlink("b", "o/z"), opaque("o"), file("o/n", "n")),
    ],
    "a whiteout, and something new under its name": [
        layer_tar(*FOLDER),
        layer_tar(whiteout("o"), file("o/y", "y")),
        layer_tar(file("o/w", "w")),
    ],
    "something new, and a whiteout for what was there": [
        layer_tar(*FOLDER, directory("o/p"), file("o/p/q", "q")),
        layer_tar(file("o/p/y", "y"), whiteout("o")),
    ],
    "whiteouts that hide nothing": [
        layer_tar(*FOLDER, whiteout("o/never")),
        layer_tar(whiteout("no/such/thing"), opaque("o"), whiteout("o/z"), file("o/n", "n")),
    ],
    "a directory emptied, then removed": [layer_tar(*FOLDER), layer_tar(whiteout("o/z"), whiteout("o"))],
    "a file in the place of a directory, and a directory in the place of that": [
        layer_tar(*FOLDER, directory("p"), file("p/z", "z")),
        layer_tar(file("o", "f"), directory("o", mode=0o711), file("p", "f"), file("p/y", "y")),
    ],
    "an opaque root": [
        layer_tar(directory(".", mode=0o711, uid=9, mtime=77), FILE),
        layer_tar(opaque("."), file("b", "b")),
        layer_tar(file("c", "c")),
    ],
    "a file below a link": [
        layer_tar(directory("usr", mode=0o711, mtime=3), *MERGED),
        layer_tar(file("lib/foo", "f"), file("usr/lib/bar", "b"), file("lib/deep/er", "d")),
        layer_tar(file("lib/deep/other", "o"), whiteout("lib/foo")),
    ],
    "directories below a link and under their own names": [
        layer_tar(*MERGED),
        layer_tar(
            directory("usr/lib", mode=0o700, uid=8), file("lib/d/x", "x"), directory("usr/lib/d", mode=0o711, mtime=6)
        ),
        layer_tar(file("usr/lib/e/x", "x"), directory("lib/e", mode=0o701, uid=7), file("lib/d/x", "again")),
    ],
    "a hard link to what is below a link": [layer_tar(*MERGED), layer_tar(hardlink("b", "lib/q"))],
    "a link to the root": [
        layer_tar(directory(".", mode=0o711), directory("d"), symlink("d/up", "..")),
        layer_tar(directory(".", mode=0o750), file("d/up/x", "x")),
    ],
    "a whiteout below a link": [layer_tar(*MERGED), layer_tar(whiteout("lib/q"))],
    "an absolute link, and one that climbs": [
        layer_tar(directory("usr/lib"), symlink("lib", "/usr/lib"), symlink("usr/up", "../../../lib")),
        layer_tar(file("lib/foo", "f"), file("usr/up/bar", "b"), hardlink("usr/up/baz", "lib/foo")),
    ],
    "a directory in the place of a link": [layer_tar(*MERGED), layer_tar(directory("lib"), file("lib/foo", "f"))],
    "a removed link, and a directory": [layer_tar(*MERGED), layer_tar(whiteout("lib"), file("lib/foo", "f"))],
    "a group of names, of which one is linked again": [
        layer_tar(directory("d", mode=0o750, mtime=3), FILE, hardlink("d/twin", "a"), hardlink("d/e/deep", "a")),
        layer_tar(hardlink("b", "d/twin")),
        layer_tar(hardlink("c", "b")),
    ],
    "a group of names that is linked by two of them": [
        layer_tar(FILE, hardlink("d/twin", "a"), hardlink("d/e/deep", "a")),
        layer_tar(hardlink("b", "d/twin"), hardlink("c", "a"), hardlink("d/f", "c")),
    ],
    "a group of which a layer links one name and takes away others": [
        layer_tar(FILE, *(hardlink(name, "a") for name in ("gone", "new", "o/x", "p/x", "q/x", "kept"))),
        layer_tar(hardlink("b", "a"), whiteout("gone"), file("new", "n"), opaque("o"), file("p", ""), whiteout("q")),
    ],
    "a group of links and a group of pipes": [
        layer_tar(symlink("s", "x"), hardlink("d/t", "s"), fifo("pipe"), hardlink("d/pipe", "pipe")),
        layer_tar(hardlink("u", "s"), hardlink("e/pipe", "d/pipe")),
    ],
    "a group in which names were lost": [
        layer_tar(FILE, hardlink("b", "a"), hardlink("c", "a")),
        layer_tar(whiteout("b"), file("c", "new")),
    ],
    "a group over a layer that stands twice": [
        layer_tar(FILE, hardlink("d/twin", "a")),
        layer_tar(hardlink("b", "a")),
        layer_tar(FILE, hardlink("d/twin", "a")),
    ],
    "no layers": [],
}


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "mounted"
    yield path
    if mounted_at(path / "rootfs"):
        unmount_overlay(path)


def listed(root: Path) -> dict[str, tuple[object, ...]]:
    """What a directory shows: every name that it lists, even of what cannot be found then."""
    found = {}
    for folder, _, files in os.walk(root):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            status = path.lstat()
            links = 0 if path.is_dir() else status.st_nlink
            xattrs = {
                name: os.getxattr(path, name, follow_symlinks=False)
                for name in os.listxattr(path, follow_symlinks=False)
            }
            content = path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(root))] = (
                status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, links, content, xattrs,
            )  # fmt: skip
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_mount_shows_what_a_bundle_has(tmp_path: Path, target: Path, name: str) -> None:
    image = build_image(CASES[name])
    done = mount(tmp_path, target, image, "--verify-full")
    assert done.returncode == 0, done.stderr
    bundle = occystrap("process", f"ocidir://{tmp_path / 'layout'}", f"oci://{tmp_path / 'bundle'}", "--verify-full")
    assert bundle.returncode == 0, bundle.stderr
    assert listed(target / "rootfs") == listed(tmp_path / "bundle/rootfs")


@pytest.mark.parametrize(
    "upper",
    [
        layer_tar(whiteout("a"), hardlink("b", "a")),
        layer_tar(hardlink("b", "nowhere")),
        layer_tar(hardlink("b", "o")),
        layer_tar(hardlink("b", "a/below")),
        layer_tar(file("new", "x"), hardlink("b", "new/below")),
    ],
    ids=("whited out", "nowhere", "a directory", "below a file", "below a file of its own"),
)
def test_a_hard_link_to_no_file_is_refused_and_leaves_nothing(tmp_path: Path, target: Path, upper: bytes) -> None:
    done = mount(tmp_path, target, build_image([layer_tar(FILE, *FOLDER), upper]))
    assert done.returncode == 3
    assert "which is no file that the image has by then" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["layout"]


def test_a_file_with_holes_that_a_link_leads_to_keeps_them(tmp_path: Path, target: Path) -> None:
    sparse, copy = tmp_path / "sparse", tmp_path / "copy"
    with sparse.open("wb") as writing:
        writing.seek(1 << 24)
        writing.write(b"end")
        writing.truncate(1 << 25)
    with sparse.open("rb") as reading, copy.open("wb") as writing:
        copy_data(reading.fileno(), writing.fileno())
    assert copy.read_bytes() == sparse.read_bytes()
    assert copy.stat().st_blocks == sparse.stat().st_blocks


def test_the_user_is_looked_up_in_what_the_mount_shows(tmp_path: Path, target: Path) -> None:
    base = layer_tar(file("usr/etc/passwd", "me:x:41:42::/:/bin/sh\n"), symlink("etc", "/usr/etc"))
    done = mount(tmp_path, target, build_image([base, layer_tar(file("new", ""))], config={"config": {"User": "me"}}))
    assert done.returncode == 0, done.stderr
    user = json.loads((target / "config.json").read_text())["process"]["user"]
    assert user == {"uid": 41, "gid": 42, "additionalGids": [42]}

"""Unpacked trees are, file by file, those that umoci and podman make of the same image."""

from __future__ import annotations

from pathlib import Path

import pytest

from occystrap_core.kit.rootfs.overlay import unmount_overlay
from occystrap_core.testing.build import build_image
from occystrap_core.testing.layers import (
    device,
    directory,
    fifo,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from tests import peers
from tests.bundle.bundles import bundle, small_system
from tests.ocidir.moves import move
from tests.peers import Podman
from tests.rootfs.trees import names, snapshot, unpack

T = 1_600_000_000
PING = bytes.fromhex("0100000200200000" + "00" * 12)

BASE = [
    directory("./", 0o755, mtime=T),
    directory("etc", mtime=T + 1),
    file("etc/passwd", "root:x:0:0::/:\n", mtime=T + 2),
    file("etc/shadow", "secret", mode=0o640, gid=42, mtime=T + 3),
    file("etc/foo", "", mtime=T),
    file("etc/foobar", "", mtime=T),
    directory("usr", mtime=T),
    directory("usr/bin", mtime=T + 4),
    file("usr/bin/su", "\x7fELF" * 99, mode=0o4755, mtime=T + 5),
    file("usr/bin/ping", "ping", mode=0o755, mtime=T + 6, xattrs={"security.capability": PING}),
    hardlink("usr/bin/ping6", "usr/bin/ping", mode=0o755, mtime=T + 6),
    hardlink("usr/bin/absolute", "/usr/bin/su", mode=0o4755, mtime=T + 5),
    symlink("bin", "usr/bin", mtime=T + 7),
    symlink("absolute", "/usr/bin/su", mtime=T + 8),
    directory("tmp", 0o1777, mtime=T + 9),
    directory("home", mtime=T),
    directory("home/app", 0o2750, uid=1000, gid=1001, mtime=T + 10),
    file("home/app/file", "mine", uid=1000, gid=1001, mtime=T + 11.123456789),
    symlink("home/app/link", "nowhere", uid=1000, gid=1001, mtime=T),
    fifo("home/app/pipe", mtime=T, uid=1000),
    directory("dev", mtime=T),
    device("dev/null", 1, 3, mode=0o666, mtime=T),
    device("dev/sda", 8, 0, b"4", mode=0o660, gid=6, mtime=T),
    file("ünïcode", "", mtime=T),
    file("a/" + "long/" * 30 + "name", "", mtime=T),
    directory("cache", mtime=T),
    directory("cache/deep", mtime=T),
    file("cache/deep/old", "old", mtime=T),
    directory("opt", mtime=T),
    file("opt/file", "a file", mtime=T),
]
CHANGES = [
    whiteout("etc/foo"),
    directory("etc", mtime=T + 20),
    file("etc/passwd", "root:x:0:0::/root:\n", mtime=T + 21),
    directory("cache", mtime=T + 22),
    opaque("cache"),
    file("cache/new", "new", mtime=T + 23),
    directory("bin", mtime=T + 24),
    file("bin/sh", "sh", mode=0o755, mtime=T + 25),
    file("absolute", "was a link", mtime=T + 26),
    directory("opt", 0o700, uid=5, mtime=T + 27),
    directory("opt/file", mtime=T + 28),
    directory("home", mtime=T + 29),
    whiteout("home/app"),
]
LINKS = [
    directory("usr", mtime=T),
    directory("usr/bin", mtime=T + 30),
    hardlink("usr/bin/su2", "usr/bin/su", mode=0o4755, mtime=T + 5),
    whiteout("usr/bin/absolute"),
    file("usr/bin/ping", "other ping", mode=0o755, mtime=T + 31),
]
MORE_LINKS = [
    directory("usr", mtime=T),
    directory("usr/bin", mtime=T + 40),
    hardlink("usr/bin/su3", "usr/bin/su2", mode=0o4755, mtime=T + 5),
    whiteout("usr/bin/su"),
]
IMAGES = {
    "base": [BASE],
    "whiteouts": [BASE, CHANGES],
    "links": [BASE, LINKS],
    "all": [BASE, CHANGES, LINKS, [opaque("."), directory("./", mtime=T), file("left", "alone", mtime=T)]],
    "twice": [BASE, CHANGES, BASE],
    "groups": [BASE, LINKS, MORE_LINKS],
}


def known(tree: dict[str, object]) -> dict[str, object]:
    """Without the times that no entry says: of directories without one, and of those above them."""
    timed = {path: said for path, said in tree.items() if not path.startswith("a/long") or path.endswith("name")}
    mode, uid, gid, *_ = tree["."]
    return {**timed, ".": (mode, uid, gid), "a": "a" in tree}


@pytest.fixture(params=IMAGES)
def layout(request, tmp_path):
    peers.require_root("setting owners")
    built = build_image([layer_tar(*layer) for layer in IMAGES[request.param]])
    move(built, f"ocidir://{tmp_path}/layout:judged")
    assert bundle(built, tmp_path / "ours").findings == ()
    return tmp_path / "layout"


DOCKERFILE = """
FROM scratch
COPY system /
COPY --chown=1000:1001 files /srv
RUN ["/bin/sh", "-c", "rm /srv/gone && mkdir -p /var/lib/new && echo x > /srv/sub/changed"]
RUN ["/bin/sh", "-c", "rm -r /srv/sub && mkdir /srv/sub && echo y > /srv/sub/again && ln /srv/kept /srv/linked"]
"""


@pytest.mark.peer("buildah", "umoci")
def test_what_buildah_built_is_the_same_in_a_bundle(tmp_path, run_cli):
    peers.require_root("building")
    unpack(tmp_path / "system", small_system())
    unpack(tmp_path / "files", [("gone", ""), ("kept", "1"), ("sub/a", ""), ("sub/changed", ""), symlink("s", "../x")])
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    storage = ["--root", str(tmp_path / "store"), "--runroot", str(tmp_path / "run"), "--storage-driver", "vfs"]
    layout = f"{tmp_path}/layout:built"
    build = ["bud", "--isolation", "chroot", "--layers", "--network", "host", "-t", f"oci:{layout}", str(tmp_path)]
    peers.run_tool("buildah", *storage, *build)
    done = run_cli("process", f"ocidir://{layout}", f"oci://{tmp_path}/ours", "--verify-full")
    assert (done.returncode, done.stderr.rstrip().endswith("verified OK")) == (0, True), done.stderr
    peers.run_tool("umoci", "unpack", "--image", layout, str(tmp_path / "umoci"))
    assert snapshot(tmp_path / "ours/rootfs") == snapshot(tmp_path / "umoci/rootfs")
    assert set(names(tmp_path / "ours/rootfs/srv")) == {"kept", "linked", "s", "sub/", "sub/again"}


@pytest.mark.peer("umoci")
def test_umoci_makes_the_same_tree(layout, tmp_path):
    peers.run_tool("umoci", "unpack", "--image", f"{layout}:judged", str(tmp_path / "umoci"))
    assert known(snapshot(tmp_path / "ours/rootfs")) == known(snapshot(tmp_path / "umoci/rootfs"))


@pytest.mark.peer("podman")
def test_podman_makes_the_same_tree(layout, tmp_path, podman):
    assert known(snapshot(tmp_path / "ours/rootfs")) == known(snapshot(_mounted(podman, f"oci:{layout}:judged")))


def _mounted(podman: Podman, reference: str) -> Path:
    """Where podman has unpacked the image: with the vfs driver, a plain directory."""
    name = podman.run("pull", "--quiet", reference).strip()
    return Path(podman.run("image", "mount", name).strip())


@pytest.mark.peer("umoci")
def test_a_mount_shows_what_umoci_unpacks(layout, tmp_path, run_cli):
    done = run_cli("process", f"ocidir://{layout}:judged", f"mounts://{tmp_path}/mounted", "--verify-full")
    assert done.returncode == 0, done.stderr
    try:
        peers.run_tool("umoci", "unpack", "--image", f"{layout}:judged", str(tmp_path / "umoci"))
        assert known(snapshot(tmp_path / "mounted/rootfs")) == known(snapshot(tmp_path / "umoci/rootfs"))
    finally:
        unmount_overlay(tmp_path / "mounted")

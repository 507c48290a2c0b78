"""No root, file systems that cannot hold an image, full disks, Ctrl-C: one line, and nothing half-made left."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from occystrap_core.contracts import Output, Slot
from occystrap_core.kit.rootfs.mountinfo import mounts_below
from occystrap_core.model.layer import Layer, SealedLayer
from occystrap_core.testing.build import BuiltImage, build_image
from occystrap_core.testing.layers import device, directory, fifo, file, hardlink, layer_tar, opaque, symlink, whiteout
from tests import peers
from tests.builtins.parts import open_destination
from tests.end_to_end.images import write_layout
from tests.peers import REPOSITORY_ROOT, run_cli
from tests.rootfs.trees import names

NOBODY = 65534
DESTINATIONS = {"oci": "oci://{}", "mounts": "mounts://{}", "dir": "dir://{}?expand=true"}
RICH = [
    layer_tar(
        directory("closed", mode=0o500, uid=7), file("closed/f", "x", mode=0o400, uid=7, gid=8),
        hardlink("h", "closed/f"), device("dev/null", 1, 3), device("dev/sda", 8, 0, b"4"), fifo("pipe"),
        file("noted", "x", xattrs={"user.note": b"n", "trusted.note": b"t"}), symlink("l", "x", uid=4),
    ),
    layer_tar(whiteout("closed/f"), directory("o"), opaque("o"), file("o/x", "y")),
]  # fmt: skip


@pytest.fixture(params=DESTINATIONS)
def destination(request):
    return DESTINATIONS[request.param]


@pytest.fixture
def rich(tmp_path_factory) -> str:
    return write_layout(tmp_path_factory.mktemp("rich") / "in", build_image(RICH))


@contextmanager
def mounted(place: Path, kind: str, options: str = "defaults") -> Iterator[None]:
    peers.require("mount")
    peers.require_root("mounting")
    peers.run_tool("mount", "-t", kind, "-o", options, "none", str(place))
    try:
        yield
    finally:
        peers.run_tool("umount", "-R", str(place))


def without(words: Sequence[str], *command: str) -> peers.Result:
    """Run Occystrap by setpriv, which takes something away."""
    peers.require("setpriv")
    peers.require_root("giving up root")
    run = ["setpriv", *words, sys.executable, "-m", "occystrap_core", *command]
    done = subprocess.run(run, cwd=REPOSITORY_ROOT, capture_output=True, text=True, timeout=100)
    return peers.Result(done.returncode, done.stdout, done.stderr)


READING = "-all,+dac_read_search"
"""Nobody may not enter root's own folders, where these tests and perhaps Python lie: this lets him read them."""

AS_NOBODY = [
    f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    f"--inh-caps={READING}", f"--ambient-caps={READING}", f"--bounding-set={READING}",
]  # fmt: skip


def assert_one_line(done: peers.Result, says: str) -> None:
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1), done.stderr
    assert done.stderr.startswith("Error: destination: ") and says in done.stderr, done.stderr
    assert "occystrap-partial" not in done.stderr


# Without root


@pytest.mark.parametrize("to", ["oci://{}", "dir://{}?expand=true", "oci://{}?rootless=true"])
def test_without_root_owners_and_devices_are_told_once(tmp_path, rich, to):
    peers.require_root("becoming somebody else")
    os.chown(tmp_path, NOBODY, NOBODY)
    out = tmp_path / "out"
    for _ in range(2):
        done = without(AS_NOBODY, "process", rich, to.format(out), "--verify-full")
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("3 owners were recorded, not set") == 1
        assert done.stderr.count("2 device nodes were skipped") == 1
        assert done.stderr.endswith("verified OK\n")
    root = out / ("manifest" if to.startswith("dir") else "rootfs")
    assert names(root) == {"closed/", "h", "dev/", "pipe", "noted", "l", "o/", "o/x"}
    assert (root / "closed").stat().st_uid == NOBODY
    assert stat.S_IMODE((root / "closed").stat().st_mode) == 0o500
    assert os.listdir(tmp_path) == ["out"]


def test_without_root_nothing_is_mounted(tmp_path, rich):
    done = without(AS_NOBODY, "process", rich, f"mounts://{tmp_path}/out")
    assert_one_line(done, "overlay mounts need root (run it as root, or write to oci://, which does not)")
    assert os.listdir(tmp_path) == []


def test_where_one_may_not_write(tmp_path, rich):
    for to in ("oci://{}/out", "dir://{}/out?expand=true"):
        done = without(AS_NOBODY, "process", rich, to.format(tmp_path))
        assert_one_line(done, f"{tmp_path}/out: Permission denied")
    assert os.listdir(tmp_path) == []


def test_root_that_may_not_mount_is_told_so(tmp_path, rich):
    few = ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    done = without(few, "process", rich, f"mounts://{tmp_path}/out")
    assert_one_line(done, "cannot make an opaque directory for an overlay: Operation not permitted (")
    plain = write_layout(tmp_path / "in", build_image([layer_tar(("a", ""))]))
    assert_one_line(without(few, "process", plain, f"mounts://{tmp_path}/out"), "cannot mount 1 layers: ")
    assert os.listdir(tmp_path) == ["in"]


def test_root_that_may_not_make_devices_leaves_them_out(tmp_path, rich):
    few = ["--bounding-set=-mknod", "--inh-caps=-mknod"]
    done = without(few, "process", rich, f"oci://{tmp_path}/out", "--verify-full")
    assert (done.returncode, "2 device nodes were skipped" in done.stderr) == (0, True), done.stderr
    assert done.stderr.endswith("verified OK\n")


# File systems


@pytest.mark.parametrize("to", ["oci://{}", "dir://{}?expand=true"])
def test_a_file_system_without_attributes_holds_the_rest(tmp_path, rich, to):
    with mounted(tmp_path, "ramfs"):
        done = run_cli("process", rich, to.format(tmp_path / "out"), "--verify-full")
    assert (done.returncode, "2 extended attributes were skipped" in done.stderr) == (0, True), done.stderr
    assert done.stderr.endswith("verified OK\n")


def test_but_not_what_overlays_need(tmp_path, rich):
    with mounted(tmp_path, "ramfs"):
        done = run_cli("process", rich, f"mounts://{tmp_path}/out")
        assert_one_line(done, "cannot make an opaque directory for an overlay: Operation not supported (")
        assert os.listdir(tmp_path) == []


def test_a_file_system_that_opens_no_devices_has_them_all_the_same(tmp_path, rich):
    with mounted(tmp_path, "tmpfs", "nodev,nosuid,noexec"):
        done = run_cli("process", rich, f"oci://{tmp_path}/out", "--verify-full")
        assert done.returncode == 0, done.stderr
        assert stat.S_ISCHR((tmp_path / "out/rootfs/dev/null").stat().st_mode)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("size=200k", "No space left on device"),
        ("nr_inodes=20", "No space left on device"),
        ("ro", "Read-only file system"),
    ],
    ids=("full", "without room for another name", "read-only"),
)
def test_a_disk_that_takes_no_more(tmp_path, destination, options, says):
    with mounted(tmp_path, "tmpfs", options):
        done = run_cli("process", "sample://app?layers=3&files=300", destination.format(tmp_path / "out"))
        assert_one_line(done, says)
        assert os.listdir(tmp_path) == []
        assert mounts_below(tmp_path) == []


def test_a_disk_that_is_full_when_only_the_configs_are_missing(tmp_path):
    """What was there before stays, mounted or not."""
    with mounted(tmp_path, "tmpfs", "size=2m"):
        for scheme in ("oci", "mounts"):
            out = tmp_path / scheme
            assert run_cli("process", "sample://app?layers=1&files=3", f"{scheme}://{out}").returncode == 0
            run_cli("unmount", str(out))
            peers.until_unseen(out)
            before = names(out)
            done = run_cli("process", "sample://app?layers=3&files=900&seed=2", f"{scheme}://{out}")
            assert_one_line(done, "No space left on device")
            assert names(out) == before
        assert sorted(os.listdir(tmp_path)) == ["mounts", "oci"]


# Ctrl-C


@pytest.mark.parametrize("wait", [0.0, 0.15, 0.4, 0.8])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_no_mount_and_no_files(tmp_path, destination, number, wait):
    """The whole group of processes is signalled, as a terminal does."""
    if destination.startswith("mounts"):
        peers.require_root("overlay mounts")
    source = "sample://app?layers=4&files=1500"
    command = [sys.executable, "-m", "occystrap_core", "process", source, destination.format(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        while not os.listdir(tmp_path) and run.poll() is None:
            time.sleep(0.005)
        time.sleep(wait)
        os.killpg(run.pid, number)
        _, said = run.communicate(timeout=60)
    if run.returncode == 0:
        run_cli("unmount", str(tmp_path / "out"))
        pytest.skip("it was done before that")
    assert (run.returncode in (130, 143, -2, -15), "Traceback" in said) == (True, False), (run.returncode, said)
    assert mounts_below(tmp_path) == []
    if destination.startswith("dir") and os.listdir(tmp_path):
        # Files called by their content stay if they had their names already: another run may count on them.
        assert all(re.fullmatch(r"[0-9a-f]{64}(\.json)?", name) for name in os.listdir(tmp_path / "out"))
    else:
        assert os.listdir(tmp_path) == []


def test_a_mount_that_is_stopped_leaves_what_was_there(tmp_path):
    peers.require_root("overlay mounts")
    out = tmp_path / "out"
    assert run_cli("process", "sample://app?layers=1&files=3", f"mounts://{out}").returncode == 0
    run_cli("unmount", str(out))
    peers.until_unseen(out)
    before = names(out)
    command = [sys.executable, "-m", "occystrap_core", "process", "sample://app?layers=4&files=3000", f"mounts://{out}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        while len(os.listdir(tmp_path)) < 2 and run.poll() is None:
            time.sleep(0.005)
        os.killpg(run.pid, signal.SIGINT)
        assert "Traceback" not in run.communicate(timeout=60)[1]
    assert run.returncode != 0
    assert (names(out), os.listdir(tmp_path), mounts_below(tmp_path)) == (before, ["out"], [])


def put(output: Output, built: BuiltImage) -> None:
    for order, layer in enumerate(built.layers):
        staged = output.put_blob([layer.tar], Slot(order))
        source = Layer(order, layer.descriptor, layer.diff_id)
        output.keep(staged, layer.descriptor, SealedLayer(source, layer.diff_id, layer.descriptor, changed=False))
    for document in (built.config, built.manifest):
        output.put_document(document)
    output.commit(built.root)


@pytest.mark.parametrize("moment", ["find_user", "runtime_config"])
def test_ctrl_c_while_it_is_mounted(tmp_path, monkeypatch, moment):
    peers.require_root("overlay mounts")
    from occystrap_outputs.mounts import output as mounts

    def interrupted(*_: object, **__: object) -> None:
        assert mounts_below(tmp_path) != []
        raise KeyboardInterrupt

    monkeypatch.setattr(mounts, moment, interrupted)
    output = open_destination(f"mounts://{tmp_path}/out")
    with pytest.raises(KeyboardInterrupt):
        put(output, build_image(RICH))
    output.abort()
    assert mounts_below(tmp_path) == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("scheme", "left"), [("oci", ["out"]), ("mounts", [])])
def test_ctrl_c_while_the_old_one_is_removed(tmp_path, monkeypatch, scheme, left):
    """The new bundle has the name by then, and stays; a mount is taken down again."""
    peers.require_root("overlay mounts")
    out = tmp_path / "out"
    assert run_cli("process", "sample://app?layers=1&files=3", f"{scheme}://{out}").returncode == 0
    run_cli("unmount", str(out))
    peers.until_unseen(out)
    from occystrap_core.kit.rootfs import workplace

    really_remove, times = workplace.remove_tree, iter([KeyboardInterrupt])

    def remove_tree(path: Path) -> None:
        for error in times:
            raise error
        really_remove(path)

    monkeypatch.setattr(workplace, "remove_tree", remove_tree)
    output = open_destination(f"{scheme}://{out}")
    with pytest.raises(KeyboardInterrupt):
        put(output, build_image(RICH))
    output.abort()
    assert (os.listdir(tmp_path), mounts_below(tmp_path)) == (left, [])

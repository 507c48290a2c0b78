"""`dir://…?expand=true`: the root file system beside the layers it is made of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from occystrap_core.contracts.verifier import Depth
from occystrap_core.model.errors import InvalidImage, TransferError
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.layers import file, hardlink, whiteout
from tests import peers
from tests.bundle.bundles import bundle, image
from tests.ocidir.moves import move, written
from tests.rootfs.trees import names, snapshot

LAYERS = ([("etc/a", "1"), ("etc/b", "1")], [file("etc/a", "2", uid=7), whiteout("etc/b")])


def test_the_tree_lies_beside_the_layers(tmp_path):
    assert move(image(*LAYERS), f"dir://{tmp_path}/out?expand=true").findings == ()
    assert names(tmp_path / "out/manifest") == {"etc/", "etc/a"}
    catalog = json.loads((tmp_path / "out/catalog.json").read_bytes())
    assert list(catalog.values()) == [{"latest": "manifest.json"}]


def test_it_is_the_same_tree_as_a_bundles(tmp_path):
    move(image(*LAYERS), f"dir://{tmp_path}/out?expand=true")
    bundle(image(*LAYERS), tmp_path / "bundle")
    assert snapshot(tmp_path / "out/manifest") == snapshot(tmp_path / "bundle/rootfs")


def test_a_new_image_takes_the_place_of_the_old_one(tmp_path):
    move(image(*LAYERS), f"dir://{tmp_path}/out?expand=true")
    move(image([("new", "")]), f"dir://{tmp_path}/out?expand=true")
    assert names(tmp_path / "out/manifest") == {"new"}


def test_with_unique_names_each_image_has_its_own(tmp_path):
    details = written(image(*LAYERS), f"dir://{tmp_path}/out?expand=true&unique_names=true").receipt.details
    name = details["expanded"]["directory"]
    assert f"{name}.json" == details["manifest"]
    assert names(tmp_path / "out" / name) == {"etc/", "etc/a"}


def test_an_image_that_cannot_be_unpacked_leaves_no_tree(tmp_path):
    with pytest.raises(InvalidImage):
        move(image([hardlink("a", "b")]), f"dir://{tmp_path}/out?expand=true")
    assert os.listdir(tmp_path) == []
    written(image(*LAYERS), f"dir://{tmp_path}/out?expand=true")
    before = snapshot(tmp_path / "out")
    with pytest.raises(InvalidImage):
        move(image([hardlink("a", "b")]), f"dir://{tmp_path}/out?expand=true")
    assert {**snapshot(tmp_path / "out"), ".": 0} == {**before, ".": 0}


def test_a_tree_that_is_not_what_the_layers_say_is_found(tmp_path):
    from occystrap_outputs.dir.verifier import DirectoryVerifier

    told = written(image(*LAYERS), f"dir://{tmp_path}/out?expand=true")
    (tmp_path / "out/manifest/etc/a").write_text("3")
    found = [finding.message for finding in DirectoryVerifier().verify(told, Depth.FULL)]
    assert any(message.endswith("/etc/a has another content") for message in found)
    assert list(DirectoryVerifier().verify(told, Depth.QUICK)) == []


# Accidents, for all that unpack


@pytest.mark.parametrize("destination", ["oci://{}/out", "dir://{}/out?expand=true"])
def test_a_full_disk_leaves_nothing(tmp_path, destination):
    peers.require("mount")
    peers.require_root("mounting")
    peers.run_tool("mount", "-t", "tmpfs", "-o", "size=300k", "none", str(tmp_path))
    try:
        with pytest.raises((TransferError, OSError), match="No space left on device"):
            move_or_bundle(image([("big", os.urandom(400_000))]), destination.format(tmp_path))
        assert os.listdir(tmp_path) == []
    finally:
        peers.run_tool("umount", str(tmp_path))


def move_or_bundle(source, uri):
    if uri.startswith("oci"):
        bundle(source, uri.removeprefix("oci://"))
    else:
        move(source, uri)


def test_a_file_system_without_attributes_is_no_reason_to_fail(tmp_path, caplog):
    peers.require("mount")
    peers.require_root("mounting")
    peers.run_tool("mount", "-t", "ramfs", "none", str(tmp_path))
    try:
        built = image([make_entry(b"f", pax={"SCHILY.xattr.user.note": b"x"}), ("g", "")])
        assert bundle(built, tmp_path / "out").findings == ()
        assert names(tmp_path / "out/rootfs") == {"f", "g"}
    finally:
        peers.run_tool("umount", str(tmp_path))
    assert "1 extended attributes were skipped" in caplog.text


def test_an_interrupted_run_leaves_nothing(tmp_path):
    command = ["process", "sample://?layers=6&files=4000", f"oci://{tmp_path}/out"]
    run = subprocess.Popen([sys.executable, "-m", "occystrap_core", *command], stderr=subprocess.PIPE)
    while not os.listdir(tmp_path):
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=60)[1].decode()
    assert run.returncode != 0, said
    assert "Traceback" not in said
    assert os.listdir(tmp_path) == []

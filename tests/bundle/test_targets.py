"""Directories that are not empty: whose they are decides, and nothing outside of them is ever touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from occystrap_core.kit.rootfs.overlay import mounted_at, unmount_overlay
from tests import peers
from tests.peers import run_cli
from tests.rootfs.trees import names, snapshot

SAMPLE = "sample://app?layers=2&files=3"
KINDS = {
    "oci": ("oci://{}", "rootfs"),
    "mounts": ("mounts://{}", "rootfs"),
    "dir": ("dir://{}?expand=true", "manifest"),
}


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param == "mounts":
        peers.require_root("overlay mounts")
    return request.param


@pytest.fixture
def out(tmp_path):
    path = tmp_path / "out"
    yield path
    take_down(path)


def take_down(path: Path) -> None:
    if mounted_at(path / "rootfs"):
        unmount_overlay(path)


def write(kind: str, path: Path, *words: str, overwrite: bool = False) -> peers.Result:
    uri = KINDS[kind][0].format(path)
    if overwrite:
        uri += f"{'&' if '?' in uri else '?'}overwrite=true"
    return run_cli("process", SAMPLE, uri, "--verify-full", *words)


def tree_of(kind: str, path: Path) -> Path:
    return path / KINDS[kind][1]


def test_files_of_somebody_else_are_refused_and_stay(kind, out):
    out.mkdir()
    (out / "precious").write_text("data")
    before = snapshot(out)
    done = write(kind, out)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = [line for line in done.stderr.splitlines() if "is not empty" in line]
    assert "overwrite=true" in line
    assert snapshot(out) == before
    assert os.listdir(out.parent) == ["out"]


def test_an_output_of_the_same_kind_is_written_again(kind, out):
    for _ in range(2):
        done = write(kind, out)
        assert done.returncode == 0, done.stderr
        assert done.stderr.endswith("verified OK\n")
        take_down(out)
    assert os.listdir(out.parent) == ["out"]


def test_but_not_where_somebody_put_files_of_his_own(kind, out):
    write(kind, out)
    take_down(out)
    (out / "notes.txt").write_text("mine")
    done = write(kind, out)
    take_down(out)
    assert (out / "notes.txt").read_text() == "mine"
    assert done.returncode == (0 if kind == "dir" else 2), "a directory of images only gets more files"


def test_overwrite_takes_what_is_in_the_directory_and_nothing_outside(kind, out, tmp_path):
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/file").write_text("untouched")
    (tmp_path / "other name").write_text("untouched")
    out.mkdir()
    tree = tree_of(kind, out)
    tree.mkdir()
    (tree / "link").symlink_to(outside)
    (tree / "link to a file").symlink_to(outside / "deep/file")
    os.link(tmp_path / "other name", tree / "hard link")
    (tree / "closed").mkdir(mode=0)
    before = snapshot(outside)
    done = write(kind, out, overwrite=True)
    assert done.returncode == 0, done.stderr
    assert snapshot(outside) == before
    assert "closed/" not in names(tree)
    assert (tmp_path / "other name").read_text() == "untouched"
    assert sorted(os.listdir(tmp_path)) == ["other name", "out", "outside"]


def test_a_target_that_is_a_link_is_written_where_it_leads(kind, out, tmp_path):
    (tmp_path / "real").mkdir()
    out.symlink_to(tmp_path / "real")
    done = write(kind, out)
    take_down(tmp_path / "real")
    assert done.returncode == 0, done.stderr
    assert out.is_symlink()
    assert tree_of(kind, tmp_path / "real").is_dir()


def test_overwrite_of_a_directory_of_images_leaves_all_that_has_another_name(out):
    out.mkdir()
    (out / "precious").write_text("data")
    (out / "manifest").mkdir()
    (out / "manifest/old").write_text("")
    assert write("dir", out, overwrite=True).returncode == 0
    assert (out / "precious").read_text() == "data"
    assert "old" not in names(out / "manifest")


def test_what_a_run_left_that_was_killed_while_it_unpacked_is_no_obstacle(out):
    write("dir", out)
    for name in ("catalog.json", "manifest.json"):
        (out / name).unlink()
    (out / "manifest").rename(out / ".manifest.0123abcd.occystrap-partial")
    done = write("dir", out)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["oci", "mounts"])
def test_what_occystrap_0_4_left_is_of_the_same_kind(kind, out):
    if kind == "mounts":
        peers.require_root("overlay mounts")
    for name in ("rootfs", "blobs/sha256") if kind == "oci" else ("rootfs", "working", "delta", f"{'a' * 64}/layer"):
        (out / name).mkdir(parents=True)
    for name in ("config.json", "container-config.json"):
        (out / name).write_text("{}")
    if kind == "mounts":
        for name in ("catalog.json", "manifest.json", f"{'a' * 64}/layer.tar"):
            (out / name).write_text("")
    done = write(kind, out)
    assert done.returncode == 0, done.stderr


def test_a_bundle_beside_blobs_that_somebody_needs_is_refused(out):
    write("oci", out)
    (out / "blobs/sha256").mkdir(parents=True)
    (out / "blobs/sha256/1234").write_text("a blob")
    assert write("oci", out).returncode == 2
    assert (out / "blobs/sha256/1234").exists()


def test_the_catalog_of_the_same_kind_must_be_one(out):
    out.mkdir()
    (out / "catalog.json").write_text(json.dumps(["a catalogue of something else"]))
    done = write("dir", out)
    assert done.returncode != 0
    assert os.listdir(out) == ["catalog.json"]

"""Layers that would take time or memory without end: each step is counted, each limit named."""

from __future__ import annotations

import os

import pytest

from occystrap_core.kit.rootfs import directories, relocation, removal, resolve, tree
from occystrap_core.kit.rootfs.report import LayerReport
from occystrap_core.model.errors import InvalidImage, LimitExceeded
from occystrap_core.testing.layers import directory, file, hardlink, opaque, symlink, whiteout
from tests import peers
from tests.rootfs.trees import WAYS, names, unpack


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def looked_into(monkeypatch):
    """The directories that removing went through."""
    seen = []
    original = removal._level

    def level(name, *rest):
        seen.append(name)
        return original(name, *rest)

    monkeypatch.setattr(removal, "_level", level)
    return seen


@pytest.mark.parametrize("again", [opaque("d"), whiteout("d")], ids=["opaque", "whiteout"])
@pytest.mark.parametrize("entry", [[], [directory("d")]], ids=["implied", "described"])
def test_a_whiteout_that_is_said_again_and_again_looks_through_the_directory_once(root, looked_into, again, entry):
    new = [file(f"d/new{number}") for number in range(20)]
    unpack(root, [directory("d"), file("d/old"), file("d/e/old")], [*entry, new[0], *[again] * 500, *new[1:], again])
    assert sorted(name for name in names(root) if "old" in name) == []
    assert len(names(root)) >= 20
    assert looked_into.count(b"") + looked_into.count(b"d") <= 3


def test_times_are_right_however_few_are_remembered(root, monkeypatch):
    monkeypatch.setattr(directories, "MAX_TIMES", 3)
    folders = [f"d{number % 5}/e{number}" for number in range(30)]
    first = [directory(each, mtime=1000 + number) for number, each in enumerate(folders)]
    files = [file(f"{each}/x") for each in reversed(folders)]
    later = [whiteout(f"{folders[0]}/x"), *(file(f"{each}/y") for each in folders[::3])]
    unpack(root, [*(directory(f"d{n}", mtime=7) for n in range(5)), *first, *files], later)
    assert [int((root / each).stat().st_mtime) for each in folders] == [1000 + number for number in range(30)]
    assert [int((root / f"d{number}").stat().st_mtime) for number in range(5)] == [7] * 5


def test_a_path_that_leads_up_again_and_again_ends(root, monkeypatch):
    monkeypatch.setattr(resolve, "MAX_STEPS", 200)
    up_and_down = "a/" * 20 + "../" * 20
    with pytest.raises(InvalidImage, match="cannot unpack"):
        unpack(root, [directory("a/" * 20), symlink("l", up_and_down * 2), file("l/new/x")], open_in=WAYS["walk"])
    unpack(root.with_name("other"), [directory("a/b"), symlink("l", "a/../a/b"), file("l/new/x")], open_in=WAYS["walk"])


@pytest.mark.parametrize(("limit", "most"), [("MOST_IMPLIED", 20), ("MOST_PATHS", 200)])
def test_directories_without_an_entry_have_a_limit_in_each_layer(root, monkeypatch, limit, most):
    monkeypatch.setattr(tree, limit, most)
    layers = [[file(f"{layer}-{number}/x") for number in range(18)] for layer in range(3)]
    unpack(root, *layers)
    with pytest.raises(LimitExceeded, match=f"more than {most}"):
        unpack(root.with_name("other"), [file(f"{number}" * 5 + "/x") for number in range(60)])


def test_what_has_to_move_to_where_links_lead_has_a_limit(tmp_path, monkeypatch):
    lower, layer = tmp_path / "lower", tmp_path / "layer"
    for number in range(5):
        (layer / f"s{number}").mkdir(parents=True)
        (layer / f"s{number}" / f"f{number}").touch()
    lower.mkdir()
    (lower / "t").mkdir()
    for number in range(5):
        os.symlink("t", lower / f"s{number}")
    monkeypatch.setattr(relocation, "MOST_RENAMES", 12)
    report = LayerReport(implied=[b"s%d" % number for number in range(5)])
    with pytest.raises(LimitExceeded, match="more than 12 paths"):
        relocation.relocate(layer, report, [lower])


def test_looking_for_lost_places_of_hard_links_has_a_limit(root, monkeypatch):
    peers.require_root("attributes of overlay mounts")
    monkeypatch.setattr(tree, "MOST_CHECKED", 20)
    links = [hardlink(f"h{number}", f"below/{number}") for number in range(5)]
    turns = [each for _ in range(9) for each in (directory("d"), file("d"))]
    with pytest.raises(LimitExceeded, match="more than 20"):
        unpack(root, [*links, *turns], overlay=True)
    unpack(root.with_name("other"), turns, overlay=True)

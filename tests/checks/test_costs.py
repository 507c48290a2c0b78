"""What rules do grows with the image, not with its square: steps are counted, or would take minutes."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from occystrap_core.engine.found_hits import _cuts, _ways
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.kit.docker_archive.members import Kind, Members
from occystrap_core.kit.docker_archive.members import Member as ArchiveMember
from occystrap_core.streams.path_numbers import PathNumbers
from occystrap_core.testing.build import Member, build_image, directory, file, layer_tar, symlink, whiteout
from tests.checks.broken import configured
from tests.checks.rules import outcome


def counted(monkeypatch: pytest.MonkeyPatch, method: str) -> list[int]:
    """How often this is asked of any layer's records."""
    asked = [0]
    original = getattr(LayerRecords, method)

    def counting(self: LayerRecords, *given: object) -> object:
        asked[0] += 1
        return original(self, *given)

    monkeypatch.setattr(LayerRecords, method, counting)
    return asked


def overlapping(layers: int, files: int) -> list[bytes]:
    """Each layer writes half of the one below anew."""
    names = [[f"d/{number}-{each}" for each in range(files)] for number in range(layers + 1)]
    return [layer_tar(*map(file, names[number] + names[number + 1])) for number in range(layers)]


def test_duplicate_files_in_many_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    image = build_image(overlapping(150, 5))
    asked = counted(monkeypatch, "seen")
    assert len(outcome(image, "duplicate-file").findings) == 11
    assert asked[0] < 6 * 150 * 5


def test_the_same_file_in_very_many_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    image = build_image([layer_tar(file("x"), symlink(f"l{layer}", "x")) for layer in range(300)])
    asked = counted(monkeypatch, "seen")
    [found] = outcome(image, "duplicate-file").findings
    assert found.message.endswith("298, 299, 300")
    assert asked[0] < 5 * 300


def test_whiteouts_of_nothing_in_many_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [layer_tar(file(f"d/{layer}/x"), whiteout("gone"), whiteout("d")) for layer in range(200)]
    image = build_image(layers)
    asked = counted(monkeypatch, "folders")
    found = outcome(image, "wh-target-missing").findings
    assert [each.message for each in found] == ["1 target is in no layer below: gone"] * 199
    assert asked[0] < 3 * 200


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "members",
    [
        pytest.param([file("A" * 250 + f"/{number}") for number in range(8000)], id="long names in capitals"),
        pytest.param([file(f"{number}/" + "a/" * 2000 + "x") for number in range(150)], id="deep directories"),
        pytest.param(
            [directory("a"), *(symlink(f"c{n}", f"/c{n + 1}") for n in range(39))]
            + [symlink(f"x/{n}", "/c0/" + "c1/../" * 8 + "z") for n in range(10_000)],
            id="links through many links",
        ),
    ],
)
def test_hostile_names(members: list[Member]) -> None:
    start = time.process_time()
    found = outcome(build_image([layer_tar(*members), layer_tar(whiteout("nothing"))]))
    assert not [each for each in found.findings if "itself failed" in each.message]
    assert time.process_time() - start < 30


def test_the_same_directory_on_path_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    image = configured(file("bin/x"), Entrypoint=["app"], Env=["PATH=" + "/a:/b:" * 50_000])
    asked = [0]
    original = MergedView.follow

    def follow(self: MergedView, path: bytes) -> object:
        asked[0] += 1
        return original(self, path)

    monkeypatch.setattr(MergedView, "follow", follow)
    [found] = outcome(image, "entrypoint-not-found").findings
    assert "in no directory of its PATH" in found.message
    assert asked[0] <= 2


def test_a_member_is_looked_for_through_its_links_once() -> None:
    links = [ArchiveMember(f"l{number}", Kind.SYMLINK, 0, 0, f"l{number + 1}") for number in range(7)]
    members = Members([*links, ArchiveMember("l7", Kind.FILE, 0, 1)], "archive.tar")
    assert members.layer("l0") is members.layer("l0") is members.layer("./l7")


def test_a_million_whiteouts_wait_in_little_memory() -> None:
    count = 20_000
    records = LayerRecords(1)
    for number in range(count):
        records.add_whiteout(b"usr/share/%05d" % (number // 100), b".wh.file%d.txt" % number)
    tracemalloc.start()
    try:
        whole, _ = _cuts([records])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert list(_ways("usr/share/00000/file7.txt/x", whole, PathNumbers())) == [1]
    assert taken / count < 60

"""What rules do grows with the image, not with its square: steps are counted, or would take minutes."""

from __future__ import annotations

import time

import pytest

from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.testing.build import Member, build_image, directory, file, layer_tar, symlink, whiteout
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

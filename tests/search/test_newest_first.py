"""Finding a path in the newest layers: the same answers, however much there is to go through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occystrap_core.engine import newest_first
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.newest_first import NewestLayers
from occystrap_core.model.errors import LimitExceeded, OccystrapError
from occystrap_core.streams.tar import make_entry

PATHS = st.sampled_from([b"a", b"a/b", b"a/b/c", b"d", b"d/e"])
KINDS = st.sampled_from([b"0", b"5", b"2", b"wh"])
LAYERS = st.lists(st.lists(st.tuples(PATHS, KINDS), max_size=6), min_size=1, max_size=4)


def records(layer: int, entries: list[tuple[bytes, bytes]]) -> LayerRecords:
    found = LayerRecords(layer)
    for path, kind in entries:
        folder, _, name = path.rpartition(b"/")
        if kind == b"wh":
            found.add_whiteout(folder, b".wh." + name)
        else:
            found.add(make_entry(path, kind, linkname=b"/d" if kind == b"2" else b""), path, folder)
    return found


def answers(layers: list[list[tuple[bytes, bytes]]]) -> list[object]:
    known, told = NewestLayers(len(layers)), list[object]()
    for layer in range(len(layers) - 1, -1, -1):
        known.add(records(layer, layers[layer]))
        for path in (b"a", b"a/b", b"a/b/c", b"d/e", b"x"):
            try:
                told.append(known.find(path))
            except OccystrapError as error:
                told.append(str(error))
            told.append(known.exactly(path, layer))
    return told


@given(LAYERS)
def test_looking_up_and_going_through_say_the_same(layers: list[list[tuple[bytes, bytes]]]) -> None:
    expected = answers(layers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newest_first, "_MOST_SEARCHED", 60)
        assert answers(layers) == expected


def test_very_many_layers_are_not_gone_through_again_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest_first, "_MOST_SEARCHED", 5000)
    gone_through = [0]
    original = newest_first._places

    def places(*given: object) -> object:
        gone_through[0] += 1
        return original(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(newest_first, "_places", places)
    known = NewestLayers(400)
    for layer in range(399, 0, -1):
        known.add(records(layer, [(b"d", b"5"), (b"d/%d" % layer, b"0")]))
        assert known.find(b"d/nothing").seen is None
    assert gone_through[0] < 500


def test_steps_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest_first, "MOST_STEPS", 300)
    known = NewestLayers(2)
    known.add(LayerRecords(1))
    link = LayerRecords(0)
    link.add(make_entry(b"d", b"5"), b"d", b"")
    link.add(make_entry(b"l", b"2", linkname=b"d/../" * 500), b"l", b"")
    known.add(link)
    with pytest.raises(LimitExceeded, match="more than 300 steps"):
        known.find(b"l/x")

"""The merged view against the simplest model of layers: a dictionary that each one changes."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.streams.tar import TarEntry, TarReader
from occystrap_core.testing.build import directory, file, layer_tar, opaque, whiteout

PATHS = ("a", "a/b", "a/b/c", "a/b/d", "a/x", "e", "e/f")


@dataclass(frozen=True)
class Layer:
    """`files` with the directories above them, and what is deleted or emptied."""

    files: frozenset[str]
    deleted: frozenset[str]
    emptied: frozenset[str]

    @property
    def folders(self) -> set[str]:
        return {path[:end] for path in self.files for end in range(len(path)) if path[end] == "/"}

    def archive(self) -> bytes:
        return layer_tar(
            *map(opaque, sorted(self.emptied)),
            *map(whiteout, sorted(self.deleted)),
            *map(directory, sorted(self.folders)),
            *(file(path) for path in sorted(self.files - self.folders)),
        )


def laid_over(layers: list[Layer]) -> dict[str, int]:
    """What is there in the end, and the layer it comes from. A whiteout makes a directory of what it is in."""
    tree: dict[str, int] = {}
    folders: set[str] = set()
    for place, layer in enumerate(layers):
        own = layer.files - layer.folders
        gone = {*layer.deleted, *(path for path in own if path in folders)}
        whited = {*(f"{path}/" for path in layer.emptied), *layer.deleted}
        made = {path[:end] for path in whited for end in range(len(path)) if path[end] == "/"}
        for path in list(tree):
            inside = any(path.startswith(f"{each}/") for each in gone | layer.emptied)
            if inside or path in layer.deleted or (path in made and path not in folders):
                del tree[path]
                folders.discard(path)
        tree |= dict.fromkeys(own | layer.folders, place)
        folders = (folders | layer.folders) - own
    return tree


def records(place: int, archive: bytes) -> LayerRecords:
    found = LayerRecords(place)
    for entry in TarReader([archive]):
        add(found, entry)
    return found


def add(found: LayerRecords, entry: TarEntry) -> None:
    folder, _, name = entry.path.rpartition(b"/")
    if name.startswith(b".wh."):
        found.add_whiteout(folder, name)
    else:
        found.add(entry, entry.path, folder)


some = st.frozensets(st.sampled_from(PATHS), max_size=4)
layers = st.lists(st.builds(Layer, some, some, some), min_size=1, max_size=5)


@given(layers)
@settings(max_examples=300, deadline=None)
def test_what_is_there_in_the_end(stack: list[Layer]) -> None:
    view = MergedView([records(place, layer.archive()) for place, layer in enumerate(stack)], ())
    expected = laid_over(stack)
    assert {seen.path.decode(): seen.layer for seen in view.final()} == expected
    for path in PATHS:
        found = view.below(len(stack), path.encode())
        assert (found.layer if found else None) == expected.get(path)


@given(layers)
@settings(max_examples=100, deadline=None)
def test_what_each_layer_stands_on(stack: list[Layer]) -> None:
    view = MergedView([records(place, layer.archive()) for place, layer in enumerate(stack)], ())
    for place in range(len(stack) + 1):
        expected = laid_over(stack[:place])
        for path in PATHS:
            found = view.below(place, path.encode())
            assert (found.layer if found else None) == expected.get(path)

"""The merged view against the tree that the layers are unpacked to, one over the other."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from occystrap_core.contracts.entry import DIRECTORY, HARDLINK, REGULAR, SYMLINK, Entry
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM, Settings
from occystrap_core.engine.layer_reading import remember
from occystrap_core.engine.layer_records import LayerRecords
from occystrap_core.engine.merged_view import MergedView
from occystrap_core.engine.one_file import read_file
from occystrap_core.engine.selection import Selection
from occystrap_core.engine.source_tree import read_tree
from occystrap_core.kit.rootfs.extractor import Extractor
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.image import Image
from occystrap_core.streams.tar import TarReader
from occystrap_core.testing.build import build_image, directory, file, hardlink, layer_tar, opaque, symlink, whiteout
from occystrap_core.testing.memory import MemoryInput

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = PATHS.map("{}/file".format)
TARGETS = st.lists(st.sampled_from(["a", "b", "c", ".."]), min_size=1, max_size=3).map("/".join)
LINKS = TARGETS | TARGETS.map("/{}".format)
ENTRIES = st.one_of(
    PATHS.map(directory),
    st.builds(file, FILES | PATHS, st.text("xyz", min_size=1, max_size=3)),
    st.builds(file, FILES, st.text("xyz", min_size=1, max_size=3)),
    st.builds(symlink, PATHS, LINKS),
    st.builds(hardlink, PATHS, FILES),
)
LAYERS = st.lists(
    st.tuples(
        st.lists(PATHS.map(whiteout) | PATHS.map(opaque), max_size=2),
        st.lists(ENTRIES, max_size=6, unique_by=lambda entry: entry.path),
    ),
    min_size=1,
    max_size=4,
)


@given(LAYERS)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_the_view_has_is_what_is_unpacked(layers: list[tuple[list[Entry], list[Entry]]]) -> None:
    archives = [layer_tar(*whiteouts, *entries) for whiteouts, entries in layers]
    with tempfile.TemporaryDirectory() as folder:
        try:
            unpack(Path(folder), archives)
        except InvalidImage:
            reject()
        unpacked = dict(found_in(folder))
    seen = dict(seen_by(view_of(archives)))
    assert {path: unpacked[path] for path, told in seen.items() if told is HARDLINK} | {
        path: told for path, told in seen.items() if told is not HARDLINK
    } == {path: told for path, told in unpacked.items() if path in seen or told is not None}


@given(LAYERS)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_files_are_read_where_they_are_unpacked(layers: list[tuple[list[Entry], list[Entry]]]) -> None:
    archives = [layer_tar(*whiteouts, *entries) for whiteouts, entries in layers]
    content = build_image(archives)
    source = MemoryInput(content)
    image, _ = read_tree(source, Selection((content.root.platform or DEFAULT_PLATFORM,)))
    assert isinstance(image, Image)
    with tempfile.TemporaryDirectory() as folder:
        try:
            unpack(Path(folder), archives)
        except InvalidImage:
            reject()
        for path, told in found_in(folder):
            if isinstance(told, int):
                with read_file(source, image, path.encode(), Settings(), Silent()) as spool:
                    assert b"".join(spool.chunks()) == Path(folder, path).read_bytes(), path


def unpack(root: Path, archives: Iterable[bytes]) -> None:
    with Extractor(root) as extractor:
        for archive in archives:
            extractor.apply([archive])
        extractor.finish()


def found_in(root: str) -> Iterator[tuple[str, object]]:
    """Each path with its target, its content, or None for a directory."""
    for above, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(above, name)
            told: object = os.readlink(path) if path.is_symlink() else None
            if stat.S_ISREG(path.lstat().st_mode):
                told = path.lstat().st_size
            yield os.path.relpath(path, root), told


def view_of(archives: Sequence[bytes]) -> MergedView:
    layers = [LayerRecords(place) for place in range(len(archives))]
    for records, archive in zip(layers, archives, strict=True):
        for entry in TarReader([archive]):
            remember(records, entry)
    return MergedView(layers, ())


def seen_by(view: MergedView) -> Iterator[tuple[str, object]]:
    """As found_in, where unpacking leaves directories that are there for whiteouts alone; HARDLINK for a link."""
    for seen in view.final():
        path = seen.path.decode()
        told = {SYMLINK: seen.linkname.decode(), REGULAR: seen.size, HARDLINK: HARDLINK}
        yield path, told.get(seen.kind)
        for end in range(len(path)):
            if path[end] == "/":
                above = view.find(path[:end].encode())
                assert above is not None
                assert above.kind == DIRECTORY
                yield path[:end], None

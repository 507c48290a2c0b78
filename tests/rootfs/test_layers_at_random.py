"""Random layers: both ways of unpacking give the same tree, and it is the one the model expects."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from occystrap_core.contracts.entry import DIRECTORY
from occystrap_core.kit.rootfs.comparison import differences
from occystrap_core.kit.rootfs.record import Evidence, Record
from occystrap_core.model.errors import InvalidImage
from occystrap_core.testing.layers import directory, fifo, file, hardlink, opaque, symlink, whiteout
from tests.rootfs.trees import WAYS, snapshot, unpack

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.lists(st.sampled_from(["a", "b", "c", ".."]), min_size=1, max_size=4).map("/".join) | st.just("/")
MODES = st.sampled_from([0o644, 0o755, 0o4711, 0o000] if os.geteuid() == 0 else [0o755, 0o700])
TIMES = st.integers(0, 2**31 - 1)
OWNERS = st.sampled_from([0, 0, 1000]) if os.geteuid() == 0 else st.just(os.geteuid())

PLAIN = st.one_of(
    st.builds(lambda path, mode, uid, mtime: directory(path, mode, uid=uid, mtime=mtime), PATHS, MODES, OWNERS, TIMES),
    st.builds(
        lambda path, text, mode, uid, mtime: file(path, text, mode=mode, uid=uid, mtime=mtime),
        PATHS,
        st.text("xyz", max_size=3),
        MODES,
        OWNERS,
        TIMES,
    ),
    PATHS.map(fifo),
)
LINKS = st.one_of(st.builds(symlink, PATHS, TARGETS), st.builds(hardlink, PATHS, PATHS))
WHITEOUTS = st.one_of(PATHS.map(whiteout), PATHS.map(opaque))
LAYERS = st.lists(st.lists(st.one_of(PLAIN, PLAIN, LINKS, WHITEOUTS), max_size=8), min_size=1, max_size=4)
LAWFUL = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@LAWFUL
@given(layers=LAYERS)
def test_what_comes_out_is_what_the_layers_say(layers):
    folder = Path(tempfile.mkdtemp())
    try:
        outcomes = [_outcome(folder / name, way, layers) for name, way in WAYS.items()]
        assert outcomes[0] == outcomes[1]
    finally:
        shutil.rmtree(folder)


def _outcome(root: Path, way, layers) -> object:
    record = Record()
    try:
        unpack(root, *layers, open_in=way, record=record)
    except InvalidImage as error:
        record.close()
        return type(error)
    except Exception as error:
        raise AssertionError(f"{layers}: {error}") from error
    found = list(differences(root, Evidence(record, owners=os.geteuid() == 0, xattrs=True)))
    assert found == [], layers
    record.close()
    return snapshot(root)


def _hidden(entry):
    """What may not hold a whiteout itself: a layer that hides a directory has nothing to hide in it.
    Layers that contradict themselves mean what their order says."""
    return entry.path.replace(b".wh..wh..opq", b"").replace(b".wh.", b"").rstrip(b"/") + b"/"


@LAWFUL
@given(
    lower=st.lists(PLAIN, max_size=10),
    upper=st.lists(PLAIN, max_size=5, unique_by=lambda entry: entry.path),
    gone=st.lists(WHITEOUTS, max_size=3),
    data=st.data(),
)
def test_it_does_not_matter_where_in_its_layer_a_whiteout_stands(lower, upper, gone, data):
    assume(not any(other.path.startswith(_hidden(one)) and other is not one for one in gone for other in gone))
    files = [entry.path + b"/" for entry in upper if entry.kind != DIRECTORY]
    assume(not any(entry.path.startswith(tuple(files)) for entry in (*upper, *gone)))
    mixed = list(upper)
    for entry in gone:
        mixed.insert(data.draw(st.integers(0, len(mixed))), entry)
    folder = Path(tempfile.mkdtemp())
    try:
        unpack(folder / "first", lower, [*gone, *upper])
        unpack(folder / "mixed", lower, mixed)
        assert snapshot(folder / "first") == snapshot(folder / "mixed"), (lower, upper, gone, mixed)
    finally:
        shutil.rmtree(folder)

"""Random layers: a mount of them shows the tree that a bundle of the same image has."""

from __future__ import annotations

import shutil
import tempfile
from itertools import permutations
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM, Settings
from occystrap_core.contracts.verifier import Depth
from occystrap_core.engine.outcome import Request
from occystrap_core.engine.process import process
from occystrap_core.engine.selection import Selection
from occystrap_core.kit.rootfs.overlay import mounted_at, unmount_overlay
from occystrap_core.model.errors import InvalidImage
from occystrap_core.testing.build import BuiltImage, build_image
from occystrap_core.testing.layers import directory, file, hardlink, layer_tar, opaque, whiteout
from occystrap_core.testing.memory import MemoryInput
from occystrap_outputs.mounts.verifier import MountsVerifier
from occystrap_outputs.oci.verifier import BundleVerifier
from tests.builtins.parts import open_destination
from tests.mounts.test_mounts import needs_root
from tests.mounts.test_odd_layers import listed
from tests.rootfs.test_layers_at_random import _hidden

pytestmark = needs_root
PATHS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
FILES = st.builds(lambda path, text: file(path, text, mtime=9), PATHS, st.text("xyz", min_size=1, max_size=3))
MEMBERS = st.one_of(
    FILES, FILES, st.builds(hardlink, PATHS, PATHS), st.builds(hardlink, PATHS, PATHS),
    PATHS.map(lambda path: directory(path, mtime=7)), PATHS.map(whiteout), PATHS.map(opaque),
)  # fmt: skip
BASE = [file("a", "1"), hardlink("b", "a"), hardlink("c/a", "a"), hardlink("c/b/c", "b"), file("c/c", "2")]


def says_one_thing(layer):
    """A whiteout in what the same layer hides contradicts it: then the order in the layer decides."""
    hidden = [_hidden(entry) for entry in layer if b".wh." in entry.path]
    return not any(one.startswith(other) for one, other in permutations(hidden, 2))


LAYERS = st.lists(st.lists(MEMBERS, max_size=7).filter(says_one_thing), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(layers=LAYERS, again=st.booleans())
def test_a_mount_shows_what_a_bundle_has(layers, again):
    """With `again`, the layer above the base stands once more at the top."""
    image = build_image([layer_tar(*layer) for layer in (BASE, *layers, *layers[: int(again)])])
    folder = Path(tempfile.mkdtemp())
    try:
        trees = [shown(image, scheme, folder / scheme) for scheme in ("oci", "mounts")]
        assert trees[0] == trees[1], image
    finally:
        if mounted_at(folder / "mounts/rootfs"):
            unmount_overlay(folder / "mounts")
        shutil.rmtree(folder)


def shown(image: BuiltImage, scheme: str, target: Path) -> object:
    verifier = {"oci": BundleVerifier(), "mounts": MountsVerifier()}[scheme]
    request = Request(
        MemoryInput(image),
        lambda context: open_destination(f"{scheme}://{target}"),
        Selection((DEFAULT_PLATFORM,)),
        progress=Silent(),
        depth=Depth.FULL,
        verifiers=((scheme, verifier),),
        settings=Settings(),
    )
    try:
        outcome = process(request)
    except InvalidImage as error:
        assume("stands twice" not in str(error))
        return "refused"
    assert [finding.message for finding in outcome.findings] == []
    return listed(target / "rootfs")

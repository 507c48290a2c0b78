"""`--fast` and the blobs of real sources: asked for, never read."""

from __future__ import annotations

import json
from pathlib import Path

from occystrap_core.testing.build import build_image, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry
from tests.end_to_end.images import write_layout
from tests.peers import run_cli

IMAGE = build_image([layer_tar(("a", "1")), layer_tar(("b", "2"))])
LOST = IMAGE.layers[1].descriptor.digest


def missing(uri: str, *options: str) -> tuple[int, list[str]]:
    ran = run_cli("check", "--fast", uri, "-O", "json", *options)
    results = json.loads(ran.stdout)["results"]
    return ran.returncode, [each["message"] for each in results if each["check"] == "blob-missing"]


def test_a_layout_that_lacks_a_layer(tmp_path: Path) -> None:
    uri = write_layout(tmp_path / "image", IMAGE)
    assert missing(uri) == (0, [])
    (tmp_path / "image" / "blobs" / "sha256" / LOST.hex).unlink()
    assert missing(uri) == (1, [f"the source has no blob {LOST}"])


def test_a_registry_that_lacks_a_layer_is_asked_by_head() -> None:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "library/thing", "v1")
        uri = f"registry://{registry.host}/library/thing:v1"
        assert missing(uri, "--insecure") == (0, [])
        layers = [each for each in registry.requests if str(LOST) in each.path]
        assert [each.method for each in layers] == ["HEAD"]


def test_a_registry_that_lost_a_layer() -> None:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "library/thing", "v1")
        del registry.store.repository("library/thing").blobs[str(LOST)]
        found = missing(f"registry://{registry.host}/library/thing:v1", "--insecure")
    assert found == (1, [f"the source has no blob {LOST}"])

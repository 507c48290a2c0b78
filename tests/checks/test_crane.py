"""`crane validate`, where it is installed, and we say the same of what both can see.

Left out is what crane gets wrong: it refuses legal layers that are compressed with zstd or not at all.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import Content, build_index, directory, file
from occystrap_core.testing.registry import EmbeddedRegistry
from tests.checks.broken import edited, image, index
from tests.peers import run_cli

pytestmark = pytest.mark.peer("crane")

BASE = image()
OTHER = str(Digest.of(b"other"))

SOUND: dict[str, Callable[[], Content]] = {
    "an OCI image": lambda: BASE,
    "a docker image": lambda: image(family=Family.DOCKER),
    "an index": lambda: build_index([BASE, image(platform=Platform("linux", "arm64"))]),
}
BROKEN: dict[str, Callable[[], Content]] = {
    "another diff_id": lambda: edited(BASE, config=lambda json: json["rootfs"].update(diff_ids=[OTHER])),
    "a diff_id too many": lambda: edited(BASE, config=lambda json: json["rootfs"]["diff_ids"].append(OTHER)),
    "no diff_id": lambda: edited(BASE, config=lambda json: json["rootfs"].update(diff_ids=[])),
    "another rootfs": lambda: edited(BASE, config=lambda json: json["rootfs"].update(type="trees")),
    "a config of another size": lambda: edited(BASE, lambda json: json["config"].update(size=7)),
    "a layer of another size": lambda: edited(BASE, lambda json: json["layers"][0].update(size=7)),
    "a layer that is not there": lambda: edited(BASE, lambda json: json["layers"][0].update(digest=OTHER)),
    "a name twice in a layer": lambda: image(directory("etc"), file("etc/motd", "a"), file("etc/motd", "b")),
    "another platform": lambda: index(
        [BASE], lambda json: json["manifests"][0].update(platform={"os": "linux", "architecture": "s390x"})
    ),
}


@pytest.fixture(scope="module")
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as running:
        yield running


def verdicts(registry: EmbeddedRegistry, content: Content, tag: str) -> tuple[bool, bool]:
    """Whether crane, and whether we, find the image sound."""
    registry.add(content, "library/thing", tag)
    name = f"{registry.host}/library/thing:{tag}"
    crane = subprocess.run(["crane", "validate", "--insecure", "--remote", name], capture_output=True, timeout=60)
    ours = run_cli("check", f"registry://{name}", "--insecure", "--all-platforms")
    assert ours.returncode in (0, 1), ours.stderr
    return crane.returncode == 0, ours.returncode == 0


@pytest.mark.parametrize("kind", SOUND)
def test_what_crane_finds_sound_is_sound(registry: EmbeddedRegistry, kind: str) -> None:
    assert verdicts(registry, SOUND[kind](), f"s{list(SOUND).index(kind)}") == (True, True)


@pytest.mark.parametrize("kind", BROKEN)
def test_what_crane_finds_broken_is_broken(registry: EmbeddedRegistry, kind: str) -> None:
    assert verdicts(registry, BROKEN[kind](), f"b{list(BROKEN).index(kind)}") == (False, False)

"""Layers that a daemon has are not sent to it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from occystrap_core.engine.chain import OpenFilter
from occystrap_core.engine.outcome import Outcome
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.testing.build import BuiltImage, build_image, layer_tar
from occystrap_core.testing.memory import MemoryInput
from occystrap_filters.normalize_timestamps.filter import NormalizeTimestamps
from occystrap_filters.normalize_timestamps.plugin import NormalizeOptions
from tests import peers
from tests.docker.daemon import NAME, Daemon, inspected
from tests.docker.moves import load, members_of, only_entry, read

A, B, C = (layer_tar((name, f"sharing {name}\n" * 1000)) for name in "abc")


def reused(outcome: Outcome) -> list[bool]:
    return [layer.reused for layer in outcome.images[0].layers]


def there(image: BuiltImage, daemon: Daemon) -> None:
    daemon.has(inspected(image, image.config.digest), b"", "sha256:there")


def sent(daemon: Daemon) -> int:
    """How many of the layers that manifest.json names came with it."""
    members = members_of(daemon.loaded[-1])
    return sum(1 for name in only_entry(members)["Layers"] if name in members)


class TestDocker:
    def test_the_same_image_again(self, dockerd: peers.DockerDaemon) -> None:
        image = build_image([A, B])
        load(MemoryInput(image), "shared:first", dockerd.socket)
        outcome = load(MemoryInput(image), "shared:second", dockerd.socket)
        assert reused(outcome) == [True, True]
        assert outcome.findings == ()

    def test_another_layer_on_top_and_another_compression(self, dockerd: peers.DockerDaemon) -> None:
        load(MemoryInput(build_image([A, B])), "shared:base", dockerd.socket)
        above = build_image([A, B, C], compression=Compression.NONE, config={"config": {"User": "1"}})
        outcome = load(MemoryInput(above), "shared:above", dockerd.socket)
        assert reused(outcome) == [True, True, False]
        assert outcome.findings == ()
        assert read("shared:above", dockerd.socket).layers == (A, B, C)

    def test_a_layer_in_another_place_is_sent(self, dockerd: peers.DockerDaemon) -> None:
        load(MemoryInput(build_image([A, B])), "shared:base", dockerd.socket)
        other = build_image([B, A], config={"config": {"User": "2"}})
        outcome = load(MemoryInput(other), "shared:other", dockerd.socket)
        assert reused(outcome) == [False, False]
        assert outcome.findings == ()

    def test_a_layer_that_comes_twice(self, dockerd: peers.DockerDaemon) -> None:
        load(MemoryInput(build_image([A, B])), "shared:base", dockerd.socket)
        twice = build_image([A, B, A], config={"config": {"User": "3"}})
        assert load(MemoryInput(twice), "shared:twice", dockerd.socket).findings == ()
        assert read("shared:twice", dockerd.socket).layers == (A, B, A)

    def test_not_where_a_filter_may_change_a_layer_below(self, dockerd: peers.DockerDaemon) -> None:
        image = build_image([A, B])
        load(MemoryInput(image), "shared:base", dockerd.socket)
        chosen = OpenFilter("normalize-timestamps", NormalizeTimestamps(NormalizeOptions(timestamp=7)))
        outcome = load(MemoryInput(image), "shared:filtered", dockerd.socket, filters=[chosen])
        assert reused(outcome) == [False, False]
        assert outcome.findings == ()


@pytest.mark.parametrize(
    ("held", "wanted", "count"),
    [([A, B], [A, B, C], 1), ([A], [B, C], 2), ([], [A], 1), ([A, B, C], [A, B], 0), ([A, B], [A, C, A], 3)],
)
def test_what_is_below_counts(daemon: Daemon, held: Sequence[bytes], wanted: Sequence[bytes], count: int) -> None:
    there(build_image(held), daemon)
    load(MemoryInput(build_image(wanted)), NAME, daemon.socket, depth=None)
    assert sent(daemon) == count


def test_what_must_be_unpacked_is_sent(daemon: Daemon) -> None:
    image = build_image([A, B], compression=Compression.ZSTD)
    there(image, daemon)
    load(MemoryInput(image), NAME, daemon.socket, depth=None)
    assert sent(daemon) == 2


def test_containerd_is_sent_everything(daemon: Daemon) -> None:
    daemon.info = {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
    image = build_image([A, B])
    there(image, daemon)
    load(MemoryInput(image), NAME, daemon.socket, depth=None)
    assert sent(daemon) == 2
    assert json.loads(members_of(daemon.loaded[0])["index.json"])["manifests"][0]["digest"] == str(image.root.digest)


class TestPodman:
    """It looks a layer up by its blob's digest, which no request tells: but an uncompressed one's is its diff_id."""

    @pytest.mark.parametrize("family", list(Family))
    def test_uncompressed_layers_that_it_has_are_not_sent(self, podman_socket: Path, family: Family) -> None:
        def image(layers: Sequence[bytes], user: str) -> MemoryInput:
            config = {"config": {"User": user}}
            return MemoryInput(build_image(layers, family=family, compression=Compression.NONE, config=config))

        number = list(Family).index(family)
        load(image([A, B], f"{number}"), "shared:first", podman_socket)
        outcome = load(image([A, B, C], f"1{number}"), "shared:above", podman_socket)
        assert reused(outcome)[:2] == [True, True]
        assert outcome.findings == ()
        assert read("shared:above", podman_socket).layers == (A, B, C)
        again = load(image([A, B], f"{number}"), "shared:again", podman_socket)
        assert reused(again) == [True, True]
        assert again.findings == ()

    def test_compressed_ones_are(self, podman_socket: Path) -> None:
        image = build_image([A, B])
        load(MemoryInput(image), "packed:first", podman_socket)
        outcome = load(MemoryInput(image), "packed:second", podman_socket)
        assert reused(outcome) == [False, False]
        assert outcome.findings == ()
        unpacked = build_image([A, B, C], compression=Compression.NONE, config={"config": {"User": "unpacked"}})
        outcome = load(MemoryInput(unpacked), "packed:third", podman_socket)
        assert reused(outcome)[:2] == [True, True], "what it got compressed it knows uncompressed, too"
        assert outcome.findings == ()

    def test_so_are_those_in_another_place(self, podman_socket: Path) -> None:
        lower, upper = (layer_tar((name, f"places {name}\n" * 1000)) for name in "ab")
        load(MemoryInput(build_image([lower, upper], compression=Compression.NONE)), "places:first", podman_socket)
        turned = build_image([upper, lower], compression=Compression.NONE)
        outcome = load(MemoryInput(turned), "places:turned", podman_socket)
        assert reused(outcome) == [False, False]
        assert read("places:turned", podman_socket).layers == (upper, lower)

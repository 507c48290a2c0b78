"""Daemons that refuse, give up in the middle, or talk nonsense."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from occystrap_core.contracts import Address, Chunk, OutputContext, Severity, Slot
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import DigestMismatch, InvalidImage, LimitExceeded, OccystrapError, TransferError
from occystrap_core.model.image import ImageName
from occystrap_core.model.media_types import Compression
from occystrap_core.testing.build import BuiltImage, build_image, build_layer, layer_tar
from occystrap_core.testing.memory import MemoryInput
from occystrap_outputs.docker.output import open_output
from occystrap_outputs.docker.plugin import DockerOutputOptions
from tests.docker.daemon import NAME, Daemon, docker_24, docker_25, inspected
from tests.docker.moves import SETTINGS, load, members_of, only_entry, read

LAYERS = [layer_tar((f"file{n}", f"content {n}\n" * 3000)) for n in range(2)]


@pytest.fixture
def image() -> BuiltImage:
    return build_image(LAYERS, compression=Compression.NONE)


class TestExports:
    def test_a_connection_that_breaks(self, daemon: Daemon, image: BuiltImage) -> None:
        daemon.has(inspected(image, image.config.digest), docker_24(image))
        daemon.break_export = True
        with pytest.raises(TransferError, match="closed the connection in the middle of an answer"):
            read(NAME, daemon.socket)

    @pytest.mark.parametrize("cut", [700, 5000, 20_000])
    def test_a_daemon_writes_its_error_into_the_archive(self, daemon: Daemon, image: BuiltImage, cut: int) -> None:
        """It has no other place for it once the answer has begun."""
        words = {
            "errorDetail": {"message": "open layer: input/output error"},
            "error": "open layer: input/output error",
        }
        broken = docker_24(image)[:cut] + json.dumps(words).encode() + b"\r\n"
        daemon.has(inspected(image, image.config.digest), broken)
        with pytest.raises(TransferError, match=r"broke off the export: open layer: input/output error$"):
            read(NAME, daemon.socket)

    def test_an_archive_that_just_ends(self, daemon: Daemon, image: BuiltImage) -> None:
        archive = docker_24(image)
        daemon.has(inspected(image, image.config.digest), archive[: archive.rindex(b"manifest.json") - 512])
        with pytest.raises(OccystrapError, match="broke off the export in the middle|in the middle of an entry"):
            read(NAME, daemon.socket)

    def test_nonsense(self, daemon: Daemon, image: BuiltImage) -> None:
        daemon.has(inspected(image, image.config.digest), b"<html>" * 500)
        with pytest.raises(OccystrapError, match="invalid tar archive"):
            read(NAME, daemon.socket)

    def test_an_empty_archive(self, daemon: Daemon, image: BuiltImage) -> None:
        daemon.has(inspected(image, image.config.digest), layer_tar())
        with pytest.raises(InvalidImage, match="neither manifest.json nor index.json"):
            read(NAME, daemon.socket)

    def test_layers_are_checked(self, daemon: Daemon, image: BuiltImage) -> None:
        archive = docker_25(image).replace(b"content 1", b"CONTENT 1", 1)
        daemon.has(inspected(image, image.config.digest), archive)
        with pytest.raises(DigestMismatch):
            read(NAME, daemon.socket)

    def test_an_answer_without_end(self, daemon: Daemon, image: BuiltImage) -> None:
        daemon.has({"Id": "x" * (5 << 20)}, docker_24(image))
        with pytest.raises(LimitExceeded):
            read(NAME, daemon.socket)


class TestLoads:
    def test_an_error_in_the_answer(self, daemon: Daemon, image: BuiltImage) -> None:
        daemon.load_says = (
            b'{"status":"Loading layer","progressDetail":{"current":1}}\r\n'
            b'{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}\r\n'
        )
        with pytest.raises(TransferError, match=r"cannot load the image: no space left on device$"):
            load(MemoryInput(image), NAME, daemon.socket)

    def test_a_refusal(self, daemon: Daemon, image: BuiltImage) -> None:
        daemon.load_status, daemon.load_says = 500, b'{"message":"the graph is read-only"}'
        with pytest.raises(TransferError, match="500: the graph is read-only"):
            load(MemoryInput(image), NAME, daemon.socket)

    def test_control_characters_of_a_daemon_do_not_reach_a_terminal(self, daemon: Daemon, image: BuiltImage) -> None:
        daemon.load_says = json.dumps({"error": "\x1b[2Jgone"}).encode()
        with pytest.raises(TransferError, match=r"\\x1b\[2Jgone"):
            load(MemoryInput(image), NAME, daemon.socket)

    def test_a_source_that_breaks_leaves_an_archive_without_its_end(self, daemon: Daemon, image: BuiltImage) -> None:
        """A daemon that is cut off in a chunk knows that this is not the image."""

        class Breaking(MemoryInput):
            def blob(self, descriptor: Descriptor) -> Iterator[Chunk]:
                yield image.layers[0].blob[:100]
                raise TransferError("the disk is gone")

        with pytest.raises(TransferError, match="the disk is gone"):
            load(Breaking(image), NAME, daemon.socket)
        assert daemon.loaded == []

    def test_a_daemon_that_reads_no_further_does_not_keep_us(self, daemon: Daemon) -> None:
        daemon.stalls = True
        context = OutputContext(SETTINGS, ImageName("x"))
        output = open_output(Address("docker", NAME), DockerOutputOptions(str(daemon.socket)), context)
        blob = build_layer(layer_tar(("big", bytes(16 << 20))), compression=Compression.NONE)
        pieces = (blob.blob[start : start + 65536] for start in range(0, len(blob.blob), 65536))
        timer = threading.Timer(0.3, output.interrupt)
        timer.start()
        with pytest.raises(TransferError):
            output.put_blob(pieces, Slot(0, blob.descriptor))
        assert next(pieces, None) is not None, "it was in the middle"
        output.abort()
        timer.join()

    def test_no_daemon_is_noticed_before_anything_is_read(self, image: BuiltImage, tmp_path: Path) -> None:
        source = MemoryInput(image)
        with pytest.raises(TransferError, match=r"^destination: there is no docker daemon"):
            load(source, NAME, tmp_path / "no.sock")


class TestWhatIsSent:
    def test_an_image_layout_and_a_docker_archive_at_once(self, daemon: Daemon, image: BuiltImage) -> None:
        load(MemoryInput(image), "example.org/a/b:c", daemon.socket, depth=None)
        members = members_of(daemon.loaded[0])
        entry = only_entry(members)
        assert entry["RepoTags"] == ["example.org/a/b:c"]
        assert members[entry["Config"]] == image.config.raw
        assert [members[layer] for layer in entry["Layers"]] == LAYERS
        (listed,) = json.loads(members["index.json"])["manifests"]
        assert listed["digest"] == str(image.root.digest)
        assert listed["annotations"]["io.containerd.image.name"] == "example.org/a/b:c"

    def test_compressed_layers_go_as_they_are(self, daemon: Daemon) -> None:
        image = build_image(LAYERS)
        load(MemoryInput(image), NAME, daemon.socket, depth=None)
        members = members_of(daemon.loaded[0])
        assert [members[name] for name in only_entry(members)["Layers"]] == [layer.blob for layer in image.layers]

    def test_zstd_is_unpacked_since_old_daemons_do_not_know_it(self, daemon: Daemon) -> None:
        load(MemoryInput(build_image(LAYERS, compression=Compression.ZSTD)), NAME, daemon.socket, depth=None)
        members = members_of(daemon.loaded[0])
        assert [members[name] for name in only_entry(members)["Layers"]] == LAYERS


def test_a_daemon_that_went_away_is_a_warning(daemon: Daemon, image: BuiltImage) -> None:
    outcome = load(MemoryInput(image), NAME, daemon.socket, meanwhile=daemon.socket.unlink)
    (finding,) = outcome.findings
    assert (finding.check, finding.severity) == ("verify.daemon", Severity.WARNING)


def test_an_id_may_be_the_manifest_s(daemon: Daemon, image: BuiltImage) -> None:
    """Where containerd stores the images."""
    daemon.has(inspected(image, image.root.digest), b"")
    assert load(MemoryInput(image), NAME, daemon.socket).findings == ()

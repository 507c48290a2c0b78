"""`occystrap info`: what documents tell of an image, and with --sizes its layers."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.model.digest import Digest
from occystrap_core.model.media_types import Compression, Family
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    BuiltImage,
    BuiltIndex,
    build_artifact,
    build_image,
    build_index,
    build_layer,
    file,
    layer_tar,
)
from tests.cli.conftest import Ran, Run, quiet_surroundings, run
from tests.end_to_end.images import write_layout
from tests.peers import DockerDaemon, Registry

__all__ = ["quiet_surroundings", "run"]

CONFIG = {
    "created": "2024-05-06T07:08:09Z",
    "config": {
        "Entrypoint": ["/bin/app", "--serve"],
        "Cmd": ["now"],
        "Env": ["PATH=/bin", "A=b"],
        "Labels": {"team": "blue"},
        "WorkingDir": "/srv",
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}},
        "User": "nobody:nogroup",
        "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_000_000_000},
    },
}
HISTORY = [
    {"created_by": "COPY base /"},
    {"created_by": "ENV A=b", "empty_layer": True},
    {"created_by": "RUN " + "make " * 20},
]
LAYERS = [layer_tar(("etc/", ""), file("etc/large", "x" * 100_000)), layer_tar(("b", "2"))]
BEFORE = (
    "image", "tag", "schema_version", "media_type", "config_digest", "config_size", "layer_count",
    "total_compressed_size", "layers", "architecture", "os", "variant", "created", "diff_ids", "history_count",
    "empty_layer_count", "labels", "env", "entrypoint", "cmd", "working_dir", "exposed_ports", "volumes",
)  # fmt: skip
"""The keys that the previous tool gave, in its order."""


def app(**more: Any) -> BuiltImage:
    options: dict[str, Any] = {"config": CONFIG, "history": HISTORY, "family": Family.OCI} | more
    return build_image(LAYERS, **options)


@pytest.fixture
def image() -> BuiltImage:
    return app(manifest={"annotations": {"org.example.note": "kept"}})


@pytest.fixture
def source(tmp_path: Path, image: BuiltImage) -> str:
    return write_layout(tmp_path / "layout", image)


def facts(run: Run, *arguments: str) -> Any:
    ran = run("info", *arguments, "-O", "json")
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


class TestJson:
    def test_keys_of_the_previous_tool_come_first_in_its_order(self, run: Run, source: str) -> None:
        assert tuple(facts(run, source))[: len(BEFORE)] == BEFORE

    def test_what_the_manifest_tells(self, run: Run, source: str, image: BuiltImage) -> None:
        told = facts(run, source)
        assert told["schema_version"] == 2
        assert told["media_type"] == image.manifest.media_type
        assert told["digest"] == str(image.root.digest)
        assert (told["config_digest"], told["config_size"]) == (str(image.config.digest), len(image.config.raw))
        assert told["layer_count"] == 2
        assert told["total_compressed_size"] == sum(len(layer.blob) for layer in image.layers)
        assert told["annotations"] == {"org.example.note": "kept"}

    def test_what_the_config_tells(self, run: Run, source: str, image: BuiltImage) -> None:
        told = facts(run, source)
        run_with = CONFIG["config"]
        assert (told["architecture"], told["os"], told["variant"], told["platform"]) == (
            "amd64", "linux", "", "linux/amd64",
        )  # fmt: skip
        assert told["created"] == CONFIG["created"]
        assert told["diff_ids"] == [str(layer.diff_id) for layer in image.layers]
        assert (told["history_count"], told["empty_layer_count"]) == (3, 1)
        assert told["exposed_ports"] == ["80/tcp", "53/udp"]
        assert told["volumes"] == ["/data"]
        given = {key: told[key] for key in ("entrypoint", "cmd", "env", "labels", "working_dir", "user", "stop_signal")}
        assert list(given.values()) == [
            run_with[key] for key in ("Entrypoint", "Cmd", "Env", "Labels", "WorkingDir", "User", "StopSignal")  # type: ignore[index]
        ]  # fmt: skip
        assert told["healthcheck"] == run_with["Healthcheck"]  # type: ignore[index]

    def test_a_layer_has_its_line_of_history(self, run: Run, source: str, image: BuiltImage) -> None:
        first, second = facts(run, source)["layers"]
        assert first == {
            "index": 0,
            "digest": str(image.layers[0].descriptor.digest),
            "size": len(image.layers[0].blob),
            "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
            "compression": "gzip",
            "diff_id": str(image.layers[0].diff_id),
            "created_by": "COPY base /",
            "actual_compression": None,
            "uncompressed_size": None,
        }
        assert second["created_by"] == HISTORY[2]["created_by"]

    def test_a_layer_that_lies_uncompressed_is_known_to(self, run: Run, tmp_path: Path) -> None:
        source = write_layout(tmp_path / "plain", app(compression=Compression.NONE))
        (layer, _) = facts(run, source)["layers"]
        assert (layer["compression"], layer["actual_compression"]) == ("none", "none")
        assert layer["uncompressed_size"] == len(LAYERS[0])

    def test_a_size_that_a_builder_noted_is_told(self, run: Run, tmp_path: Path) -> None:
        note = {"annotations": {"io.containers.estargz.uncompressed-size": "123"}}
        source = write_layout(tmp_path / "noted", build_image([build_layer(LAYERS[0], extra=note)]))
        assert facts(run, source)["layers"][0]["uncompressed_size"] == 123

    def test_a_config_that_says_next_to_nothing_is_told(self, run: Run, tmp_path: Path) -> None:
        image = build_image(LAYERS, config={"config": None, "created": None}, history=())
        told = facts(run, write_layout(tmp_path / "bare", image))
        assert (told["entrypoint"], told["cmd"], told["labels"], told["env"]) == (None, None, {}, [])
        assert "created_by" not in told["layers"][0]

    def test_an_artifact_has_no_settings(self, run: Run, tmp_path: Path) -> None:
        told = facts(run, write_layout(tmp_path / "thing", build_artifact({"text/plain": b"hello"})))
        assert told["artifact_type"] == "application/vnd.example.thing"
        assert (told["layers"][0]["compression"], "env" in told) == ("unknown", False)


class TestIndexes:
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        index = build_index([app(), app(platform=Platform("linux", "arm64", "v8"))], attest=True)
        return write_layout(tmp_path / "index", index)

    def test_one_image_with_the_platforms_beside_it(self, run: Run, source: str) -> None:
        told = facts(run, source, "--platform", "linux/arm64")
        assert told["platform"] == "linux/arm64/v8"
        assert [each["platform"] for each in told["platforms"]] == ["linux/amd64", "linux/arm64/v8"]
        assert told["platforms"][1]["digest"] == told["digest"]

    def test_attestations_are_told_as_what_refers_to_the_image(self, run: Run, source: str) -> None:
        (referrer,) = facts(run, source)["referrers"]
        assert referrer["annotations"]["vnd.docker.reference.type"] == "attestation-manifest"

    def test_all_platforms_are_a_list(self, run: Run, source: str) -> None:
        told = facts(run, source, "--all-platforms")
        assert [each["platform"] for each in told] == ["linux/amd64", "linux/arm64/v8"]
        assert len({each["referrers"][0]["digest"] for each in told}) == 2

    def test_text_separates_them(self, run: Run, source: str) -> None:
        out = run("info", source, "--all-platforms").out
        assert out.count("\n\n---\n\nImage: ") == 1
        assert "Platforms:\n  linux/amd64      sha256:" in out


class TestSizes:
    def test_layers_are_measured(self, run: Run, source: str, image: BuiltImage) -> None:
        layer = facts(run, source, "--sizes")["layers"][0]
        assert (layer["actual_compression"], layer["uncompressed_size"], layer["entries"]) == (
            "gzip", len(LAYERS[0]), 2,
        )  # fmt: skip
        assert layer["ratio"] == round(len(LAYERS[0]) / len(image.layers[0].blob), 2)

    def test_a_media_type_that_is_wrong_is_seen(self, run: Run, tmp_path: Path) -> None:
        wrong = build_layer(LAYERS[0], compression=Compression.ZSTD, media_type=app().layers[0].descriptor.media_type)
        source = write_layout(tmp_path / "wrong", build_image([wrong]))
        (layer,) = facts(run, source, "--sizes")["layers"]
        assert (layer["compression"], layer["actual_compression"]) == ("gzip", "zstd")
        assert "gzip (really zstd)" in run("info", source, "--sizes").out

    def test_no_layer_is_read_without(self, run: Run, tmp_path: Path, source: str, image: BuiltImage) -> None:
        for layer in image.layers:
            (tmp_path / "layout/blobs/sha256" / layer.descriptor.digest.hex).unlink()
        assert run("info", source).code == 0
        assert run("info", source, "--sizes").code == 3


class TestText:
    def test_it_looks_as_it_did(self, run: Run, source: str, image: BuiltImage) -> None:
        lines = run("info", source).out.splitlines()
        assert lines[:8] == [
            "Image:         layout:v1",
            f"Digest:        {image.root.digest}",
            "Media type:    application/vnd.oci.image.manifest.v1+json",
            "Schema:        v2",
            "Platform:      linux/amd64",
            "Created:       2024-05-06T07:08:09Z",
            f"Config digest: {image.config.digest}",
            f"Config size:   {len(image.config.raw)} B",
        ]
        assert lines[9:12] == ["Layers: 2", f"Total compressed size: {sum(len(x.blob) for x in image.layers)} B", ""]
        columns = [cell.strip() for cell in lines[13].split("|")[1:-1]]
        assert columns == ["#", "Compressed Digest", "DiffID", "Size", "Compression", "Created By"]
        assert max(map(len, lines[12:20])) == len(lines[12])
        assert f"| 0 | {str(image.layers[0].descriptor.digest)[:25]}... |" in lines[15]
        assert lines[21:] == [
            "History: 3 entries (1 empty)",
            "",
            "Container Config:",
            "  Entrypoint: ['/bin/app', '--serve']",
            "  Cmd:        ['now']",
            "  WorkingDir: /srv",
            "  Ports:      80/tcp, 53/udp",
            "  Volumes:    /data",
            "  User:       nobody:nogroup",
            "  StopSignal: SIGINT",
            "  Healthcheck: ['CMD', 'true']",
            "  Environment:",
            "    PATH=/bin",
            "    A=b",
            "  Labels:",
            "    team=blue",
            "",
            "Annotations:",
            "  org.example.note=kept",
        ]

    def test_nothing_steers_a_terminal(self, run: Run, tmp_path: Path) -> None:
        evil = "\x1b]0;gotcha\x07"
        config = {"config": {"Env": [evil], "Labels": {evil: evil}, "Cmd": evil, "User": evil}, "os": evil}
        image = build_image(LAYERS, config=config, history=[{"created_by": evil}, {"created_by": "\u202e"}])
        out = run("info", write_layout(tmp_path / "evil", image)).out
        assert not set(out) & {"\x1b", "\x07", "\u202e"}
        assert "\\x1b]0;gotcha\\x07" in out


def test_a_registry_is_asked_for_documents_only(run: Run, registry: Registry, source: str, image: BuiltImage) -> None:
    repository = registry.fresh("info")
    uri = f"registry://{registry.host}/{repository}:1"
    assert run("process", source, uri).code == 0
    told = facts(run, uri)
    assert (told["image"], told["tag"]) == (repository, "1")
    assert told["digest"] == str(image.root.digest)


@pytest.mark.peer("docker", "dockerd")
def test_a_daemon_tells_the_true_history(run: Run, dockerd: DockerDaemon, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    layout = write_layout(tmp_path / "for-docker", app(family=Family.DOCKER))
    assert run("process", layout, f"tar://{archive}?name=told/by-a-daemon:1").code == 0
    dockerd.run("load", "-i", str(archive))
    try:
        for scheme in ("docker", "dockerpush"):
            told = facts(run, f"{scheme}://told/by-a-daemon:1?socket={dockerd.socket}")
            assert told["history_count"] == 3
            assert [layer["created_by"] for layer in told["layers"]] == [
                HISTORY[0]["created_by"], HISTORY[2]["created_by"],
            ]  # fmt: skip
            assert told["user"] == "nobody:nogroup"
    finally:
        dockerd.run("rmi", "told/by-a-daemon:1")


@pytest.mark.skipif("OCCYSTRAP_OLD" not in os.environ, reason="OCCYSTRAP_OLD does not name an occystrap 0.4")
def test_what_the_previous_tool_says_of_an_archive_is_among_it(run: Run, tmp_path: Path, source: str) -> None:
    archive = f"tar://{tmp_path}/image.tar"
    assert run("process", source, f"{archive}?name=team/app:1").code == 0
    old = os.environ["OCCYSTRAP_OLD"]
    before = json.loads(subprocess.run([old, "-O", "json", "info", archive], capture_output=True, check=True).stdout)
    now = facts(run, archive)
    layers = before.pop("layers")
    assert {key: now[key] for key in before} == before
    assert [{key: mine[key] for key in theirs} for mine, theirs in zip(now["layers"], layers, strict=True)] == layers
    text = subprocess.run([old, "info", archive], capture_output=True, check=True).stdout.decode()
    mine = run("info", archive).out
    for line in text.splitlines():
        assert line.startswith(("+", "|")) or line in mine.splitlines()


class TestOneBrokenImageOfSeveral:
    """It is told with its error, and hides none of the others."""

    ARM, S390 = Platform("linux", "arm64", "v8"), Platform("linux", "s390x")

    @pytest.fixture
    def index(self) -> BuiltIndex:
        return build_index([app(), app(platform=self.ARM), app(platform=self.S390)], attest=True)

    @pytest.fixture
    def source(self, tmp_path: Path, index: BuiltIndex) -> str:
        return write_layout(tmp_path / "index", index)

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Path:
        return tmp_path / "index/blobs/sha256"

    def arm(self, index: BuiltIndex) -> BuiltImage:
        return next(image for image in index.images if image.root.platform == self.ARM)

    def told(self, ran: Ran) -> Any:
        assert ran.code == 3
        return json.loads(ran.out)

    def test_json_has_an_error_in_its_place(self, run: Run, source: str, blobs: Path, index: BuiltIndex) -> None:
        broken = self.arm(index)
        (blobs / broken.config.digest.hex).write_bytes(broken.config.raw[:-1] + b" ")
        ran = run("info", source, "--all-platforms", "-O", "json")
        first, second, third = self.told(ran)
        assert [first["platform"], third["platform"]] == ["linux/amd64", "linux/s390x"]
        assert list(second) == ["image", "tag", "error", "version", "source", "digest", "platform"]
        assert (second["image"], second["tag"]) == (first["image"], first["tag"])
        wrong = f"source: config {broken.config.digest.short} has other content than its digest says"
        assert second["error"] == wrong
        assert (second["digest"], second["platform"]) == (str(broken.root.digest), "linux/arm64/v8")
        assert ran.err == "Error: 1 of 3 images could not be read\n"

    def test_text_has_it_too(self, run: Run, source: str, blobs: Path, index: BuiltIndex) -> None:
        (blobs / self.arm(index).root.digest.hex).unlink()
        ran = run("info", source, "--all-platforms")
        sections = ran.out.split("\n\n---\n\n")
        assert len(sections) == 3
        assert sections[1].splitlines()[:3] == [
            "Image:         index:v1",
            f"Digest:        {self.arm(index).root.digest}",
            "Platform:      linux/arm64/v8",
        ]
        assert sections[1].splitlines()[3].startswith("Error:         source: ")
        assert (ran.code, ran.err) == (3, "Error: 1 of 3 images could not be read\n")

    def test_several_platforms(self, run: Run, source: str, blobs: Path, index: BuiltIndex) -> None:
        (blobs / self.arm(index).root.digest.hex).write_bytes(b"{")
        chosen = run("info", source, "--platform", "linux/s390x", "--platform", "linux/arm64", "-O", "json")
        assert ["error" in each for each in self.told(chosen)] == [True, False]

    def test_one_that_is_not_asked_for_does_not_matter(
        self, run: Run, source: str, blobs: Path, index: BuiltIndex
    ) -> None:
        (blobs / self.arm(index).root.digest.hex).unlink()
        assert run("info", source).code == 0
        assert run("info", source, "--platform", "linux/amd64", "--platform", "linux/s390x").code == 0
        assert run("info", source, "--platform", "linux/arm64").code == 3

    def test_one_without_a_platform_does_not_hide_the_right_one(self, run: Run, tmp_path: Path) -> None:
        index = build_index([app(), app(platform=self.ARM)])
        body = json.loads(index.index.raw)
        for entry in body["manifests"]:
            del entry["platform"]
        raw = json.dumps(body).encode()
        source = write_layout(tmp_path / "index", index)
        digest = Digest.of(raw)
        (tmp_path / "index/blobs/sha256" / digest.hex).write_bytes(raw)
        listed = {"mediaType": index.root.media_type, "digest": str(digest), "size": len(raw)}
        (tmp_path / "index/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [listed]}))
        (tmp_path / "index/blobs/sha256" / index.images[0].root.digest.hex).unlink()
        ran = run("info", source.rpartition(":")[0], "--platform", "linux/arm64", "-O", "json")
        assert (ran.code, json.loads(ran.out)["platform"]) == (0, "linux/arm64/v8")

    def test_a_broken_attestation_is_a_warning(self, run: Run, source: str, blobs: Path, index: BuiltIndex) -> None:
        lost = next(image for image in index.images if image.root.platform and image.root.platform.is_unknown)
        (blobs / lost.root.digest.hex).unlink()
        ran = run("info", source, "--all-platforms", "-O", "json")
        assert (ran.code, len(json.loads(ran.out))) == (0, 3)
        assert ran.err.startswith("Warning: an attestation could not be read: ")

    def test_none_can_be_read(self, run: Run, source: str, blobs: Path, index: BuiltIndex) -> None:
        for image in index.images:
            (blobs / image.root.digest.hex).unlink()
        ran = run("info", source, "--all-platforms", "-O", "json")
        assert ["error" in each for each in self.told(ran)] == [True] * 3
        assert ran.err.endswith("Error: 3 of 3 images could not be read\n")

    def test_a_layer_that_is_damaged(self, run: Run, tmp_path: Path) -> None:
        broken = build_image([layer_tar(file("etc/x", "x")), layer_tar(file("etc/y", "y"))], platform=self.ARM)
        index = build_index([app(), broken])
        source = write_layout(tmp_path / "index", index)
        blob = tmp_path / "index/blobs/sha256" / broken.layers[0].descriptor.digest.hex
        blob.write_bytes(blob.read_bytes()[:-1] + b"!")
        ran = run("info", source, "--all-platforms", "--sizes", "-O", "json")
        good, bad = self.told(ran)
        assert all("entries" in layer and "error" not in layer for layer in good["layers"])
        assert bad["layers"][0]["error"].startswith("source: layer")
        assert bad["layers"][0]["uncompressed_size"] is None
        assert bad["layers"][1]["entries"] == 1
        assert ran.err == "Error: 1 layer could not be read\n"
        text = run("info", source, "--all-platforms", "--sizes")
        assert (text.code, text.err) == (3, "Error: 1 layer could not be read\n")
        assert f"Layer 0: {bad['layers'][0]['error']}" in text.out

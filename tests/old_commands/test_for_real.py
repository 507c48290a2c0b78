"""Each of the twelve against a real registry or daemon: what a script of 0.4 found on disk and in the output is there.

Side by side with 0.4.17 these differ, on purpose (docs/migrating.md): layers are named by their
diff_ids, RepoTags have the whole name, configs keep their bytes, failures exit with 2 or 3.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from occystrap_core.kit.rootfs.overlay import mounted_at, unmount_overlay
from occystrap_core.model.media_types import Family
from occystrap_core.testing.build import BuiltImage, build_image
from occystrap_core.testing.layers import directory, file, hardlink, layer_tar, symlink, whiteout
from tests import peers
from tests.end_to_end.images import write_layout
from tests.peers import run_cli
from tests.rootfs.trees import names

LOWER = layer_tar(
    directory("etc", mtime=1000), file("etc/motd", "hello\n", mtime=1000), file("etc/old.conf", "x", mtime=1000),
    file("usr/bin/tool", "#!\n", mode=0o755, mtime=1000), hardlink("usr/bin/tool2", "usr/bin/tool", mtime=1000),
    symlink("bin", "usr/bin", mtime=1000),
)  # fmt: skip
UPPER = layer_tar(directory("etc", mtime=2000), whiteout("etc/old.conf"), file("etc/new.conf", "y", mtime=2000))
TREE = {"etc/", "etc/motd", "etc/new.conf", "usr/", "usr/bin/", "usr/bin/tool", "usr/bin/tool2", "bin"}
IMAGE = build_image([LOWER, UPPER], config={"config": {"Cmd": ["sh"], "Env": ["A=b"]}}, family=Family.DOCKER)


@dataclass(frozen=True)
class Place:
    """Where the image lies, as the old commands want it said, and their working directory."""

    words: tuple[str, ...]
    socket: tuple[str, ...]
    folder: Path
    blobs: tuple[str, ...]

    def run(self, command: str, *words: str) -> peers.Result:
        done = run_cli("--insecure", command, *self.words, *words, *self.socket, cwd=self.folder)
        assert f"{command} is an old command" in done.stderr
        return done

    def ok(self, command: str, *words: str) -> str:
        done = self.run(command, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def remote(registry: peers.Registry, tmp_path: Path) -> Place:
    name = f"team/{registry.fresh('old')}"
    done = run_cli(
        "process", write_layout(tmp_path / "in", IMAGE), f"registry://{registry.host}/{name}:v1?format=docker"
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "work").mkdir()
    blobs = tuple(layer.descriptor.digest.hex for layer in IMAGE.layers)
    return Place((registry.host, name, "v1"), (), tmp_path / "work", blobs)


@pytest.fixture
def local(dockerd: peers.DockerDaemon, tmp_path: Path) -> Place:
    uri = f"docker://team/old:v1?socket={dockerd.socket}"
    done = run_cli("process", write_layout(tmp_path / "in", IMAGE), uri)
    assert done.returncode == 0, done.stderr
    (tmp_path / "work").mkdir()
    return Place(("team/old", "v1"), ("--socket", str(dockerd.socket)), tmp_path / "work", diff_ids(IMAGE))


@pytest.fixture
def saved(tmp_path: Path) -> Place:
    (tmp_path / "work").mkdir()
    source = write_layout(tmp_path / "in", IMAGE)
    assert run_cli("process", source, f"tar://{tmp_path}/work/a.tar?name=team/old:v1").returncode == 0
    return Place(("a.tar",), (), tmp_path / "work", diff_ids(IMAGE))


@pytest.fixture(params=["remote", "local"])
def place(request: pytest.FixtureRequest) -> Place:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Place)
    return found


def diff_ids(image: BuiltImage) -> tuple[str, ...]:
    return tuple(str(layer.diff_id).removeprefix("sha256:") for layer in image.layers)


def prefix(place: Place) -> str:
    return "docker" if place.socket else "fetch"


def entry_of(archive: Path) -> dict[str, object]:
    with tarfile.open(archive) as opened:
        member = opened.extractfile("manifest.json")
        assert member is not None
        (entry,) = json.loads(member.read())
    assert isinstance(entry, dict)
    return entry


def layers_of(archive: Path) -> list[bytes]:
    with tarfile.open(archive) as opened:
        return [opened.extractfile(name).read() for name in entry_of(archive)["Layers"]]  # type: ignore


def test_to_tarfile(place: Place) -> None:
    place.ok(f"{prefix(place)}-to-tarfile", "x.tar")
    entry = entry_of(place.folder / "x.tar")
    assert entry["Config"] == f"{IMAGE.config.digest.hex}.json"
    assert [str(tag).endswith(":v1") for tag in entry["RepoTags"]] == [True]  # type: ignore[attr-defined]
    assert layers_of(place.folder / "x.tar") == [LOWER, UPPER]


@pytest.mark.parametrize(("words", "time"), [((), 0), (("--timestamp", "5"), 5)])
def test_to_tarfile_with_normalized_timestamps(place: Place, words: tuple[str, ...], time: int) -> None:
    place.ok(f"{prefix(place)}-to-tarfile", "x.tar", "--normalize-timestamps", *words)
    for layer in layers_of(place.folder / "x.tar"):
        with tarfile.open(fileobj=io.BytesIO(layer)) as opened:
            assert {member.mtime for member in opened} == {time}


def test_to_extracted(place: Place) -> None:
    command = f"{prefix(place)}-to-extracted"
    place.ok(command, "d")
    found = json.loads((place.folder / "d/manifest.json").read_bytes())[0]
    assert [(place.folder / "d" / layer).read_bytes() for layer in found["Layers"]] == [LOWER, UPPER]
    assert (place.folder / "d" / found["Config"]).read_bytes() == IMAGE.config.raw
    place.ok(command, "--use-unique-names", "--expand", "e")
    stem = f"manifest-{place.words[-2].replace('/', '_')}-v1"
    assert names(place.folder / "e" / stem) == TREE
    catalog = json.loads((place.folder / "e/catalog.json").read_bytes())
    assert catalog == {place.words[-2]: {"v1": f"{stem}.json"}}


def test_to_oci(place: Place) -> None:
    place.ok(f"{prefix(place)}-to-oci", "deep/down/b")
    assert names(place.folder / "deep/down/b/rootfs") == TREE
    config = json.loads((place.folder / "deep/down/b/config.json").read_bytes())
    assert (config["process"]["args"], config["root"]["path"], config["hostname"]) == (["sh"], "rootfs", "occystrap")
    assert (place.folder / "deep/down/b/container-config.json").read_bytes() == IMAGE.config.raw


def test_fetch_to_mounts(remote: Place) -> None:
    peers.require_root("overlay mounts")
    remote.ok("fetch-to-mounts", "m")
    try:
        assert names(remote.folder / "m/rootfs") == TREE
        assert {"delta", "working", "rootfs", "config.json", "container-config.json"} <= {
            path.name for path in (remote.folder / "m").iterdir()
        }
    finally:
        if mounted_at(remote.folder / "m/rootfs"):
            unmount_overlay(remote.folder / "m")


def test_tarfile_to_extracted(saved: Place) -> None:
    saved.ok("tarfile-to-extracted", "d", "--use-unique-names", "--expand")
    assert names(saved.folder / "d/manifest-team_old-v1") == TREE
    saved.ok("tarfile-to-extracted", "e")
    assert (saved.folder / "e/manifest.json").exists()


def test_recreate_image(saved: Place) -> None:
    saved.ok("tarfile-to-extracted", "d", "--use-unique-names")
    again = Place(("d", "team/old", "v1"), (), saved.folder, ())
    again.ok("recreate-image", "x.tar")
    assert layers_of(saved.folder / "x.tar") == [LOWER, UPPER]
    again.ok("recreate-image", "y.tar", "--normalize-timestamps", "--timestamp", "3")
    assert layers_of(saved.folder / "y.tar") != [LOWER, UPPER]
    done = Place(("d", "team/old", "v2"), (), saved.folder, ()).run("recreate-image", "z.tar")
    assert (done.returncode, "has no image 'team/old:v2'" in done.stderr) == (3, True)
    assert not (saved.folder / "z.tar").exists()


SEARCHES = {"remote": "search-layers", "local": "search-layers-docker", "saved": "search-layers-tarfile"}


@pytest.mark.parametrize("kind", SEARCHES)
def test_searches_print_what_they_always_printed(kind: str, request: pytest.FixtureRequest) -> None:
    place, command = request.getfixturevalue(kind), SEARCHES[kind]
    lower, upper = place.blobs
    *lines, last = place.ok(command, "*conf").splitlines()
    assert lines[:6] == [
        f"Layer: {lower}", "  etc/old.conf (file, 1 bytes)", "",
        f"Layer: {upper}", "  etc/.wh.old.conf (file, 0 bytes)", "  etc/new.conf (file, 1 bytes)",
    ]  # fmt: skip
    assert last == "Found 3 matches in 2 layers."
    assert place.ok(command, "*tool2").splitlines()[1] == "  usr/bin/tool2 -> usr/bin/tool (hardlink)"
    name = place.words[-2] if kind != "saved" else "team/old"
    found = place.ok(command, r"etc/(old|new)\.conf$", "--regex", "--script-friendly").splitlines()
    assert found == [f"{name}:v1:{lower}:etc/old.conf", f"{name}:v1:{upper}:etc/new.conf"]
    assert place.ok(command, "nothing") == "No matches found.\n"
    assert place.ok(command, "nothing", "--script-friendly") == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("fetch-to-tarfile", "{host}", "team/none", "v1", "x.tar"), 3),
        (("fetch-to-oci", "{host}", "team/none", "v1", "x"), 3),
        (("docker-to-tarfile", "none", "v1", "x.tar", "--socket", "/no/such.sock"), 3),
        (("tarfile-to-extracted", "none.tar", "x"), 3),
        (("search-layers-tarfile", "none.tar", "x"), 3),
        (("search-layers-docker", "none", "v1", "(", "--regex", "--socket", "/no/such.sock"), 2),
        (("fetch-to-mounts", "only-one"), 2),
        (("docker-to-oci", "a", "b", "c", "d"), 2),
    ],
)
def test_failures_are_one_line_and_leave_nothing(
    registry: peers.Registry, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    done = run_cli("--insecure", *(word.format(host=registry.host) for word in words), cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_all_twelve_are_listed_with_their_new_forms() -> None:
    assert run_cli("--help").stdout.count("Old: now ") == 12

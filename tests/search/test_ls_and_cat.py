"""`occystrap ls` and `occystrap cat`: the file system of an image, as a container sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import Settings
from occystrap_core.engine.one_file import read_file
from occystrap_core.engine.selection import Selection
from occystrap_core.engine.source_tree import read_tree
from occystrap_core.model.digest import Digest
from occystrap_core.model.image import Image
from occystrap_core.model.platform import Platform
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import (
    BuiltImage,
    build_artifact,
    build_image,
    build_index,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from occystrap_core.testing.memory import MemoryInput
from tests.cli.conftest import Run
from tests.end_to_end.images import write_layout

PLATFORMS = {"amd": Platform("linux", "amd64"), "arm": Platform("linux", "arm64")}


class TestLs:
    def entries(self, run: Run, *arguments: str) -> list[dict[str, Any]]:
        ran = run("ls", *arguments, "-O", "json")
        assert (ran.code, ran.err) == (0, "")
        found: list[dict[str, Any]] = json.loads(ran.out)["entries"]
        return found

    def test_a_directory_is_listed_with_mode_owner_size_and_layer(self, run: Run, source: str) -> None:
        assert run("ls", source, "/etc").out.splitlines() == [
            "-rw-r--r--  0:0   7  1  etc/again",
            "-rw-r--r--  0:0  11  2  etc/gone",
            "hrw-r--r--  0:0   4  1  etc/name link to etc/original",
            "-rw-r--r--  0:0  26  2  etc/original",
            "-rw-r-----  3:4  11  0  etc/passwd",
            "-rw-r--r--  0:0   6  2  etc/twice",
        ]

    def test_the_root_has_directories_that_no_layer_names(self, run: Run, source: str) -> None:
        assert run("ls", source).out.splitlines() == [
            "lrwxrwxrwx  0:0  0  0  bin -> usr/bin",
            "lrwxrwxrwx  0:0  0  0  dangling -> nowhere",
            "drwxr-xr-x  0:0  0  0  dev",
            "drwxr-xr-x  0:0  0  0  etc",
            "drwxr-xr-x  0:0  0  0  opt",
            "drwxr-xr-x  0:0  0  0  run",
            "drwxr-xr-x  0:0  0  0  usr",
        ]

    def test_recursively_everything_below_is_listed(self, run: Run, source: str) -> None:
        paths = [entry["path"] for entry in self.entries(run, source, "-R")]
        below_usr = ["bin", "bin/away", "bin/loop", "bin/sh", "bin/up", "lib", "lib/é"]
        assert paths[-8:] == ["usr", *(f"usr/{name}" for name in below_usr)]
        assert "opt/app/three" in paths and "opt/app/one" not in paths
        assert len(paths) == len(set(paths))

    def test_links_to_directories_are_followed_and_others_shown(self, run: Run, source: str) -> None:
        assert [entry["path"] for entry in self.entries(run, source, "bin")][:1] == ["usr/bin/away"]
        (link,) = self.entries(run, source, "/bin/up")
        assert (link["path"], link["kind"], link["target"]) == ("usr/bin/up", "symlink", "../../etc/passwd")
        assert self.entries(run, source, "bin/sh") == [
            {
                "path": "usr/bin/sh", "kind": "file", "mode": "0755", "uid": 0, "gid": 0, "size": 8, "layer": 0,
                "target": "", "mtime": 0, "device": None, "xattrs": {},
            }
        ]  # fmt: skip

    def test_what_is_not_there_is_an_error(self, run: Run, source: str) -> None:
        ran = run("ls", source, "opt/app/one")
        assert (ran.code, ran.out, ran.err) == (3, "", "Error: the image has no opt/app/one\n")

    def test_names_cannot_steer_a_terminal(self, run: Run, tmp_path: Path) -> None:
        layer = layer_tar(make_entry(b"a\x1b[31m\xff", body=b""), symlink("b", "\n\x07"))
        out = run("ls", write_layout(tmp_path / "evil", build_image([layer]))).out
        assert [line.split("  ")[-1] for line in out.splitlines()] == ["a\\x1b[31m\\xff", "b -> \\n\\x07"]

    def test_an_empty_image_lists_nothing(self, run: Run, tmp_path: Path) -> None:
        ran = run("ls", write_layout(tmp_path / "empty", build_image([])))
        assert (ran.code, ran.out) == (0, "")


class TestCat:
    @pytest.mark.parametrize(
        ("path", "content"),
        [
            ("/etc/passwd", "root:x:0:0\n"),
            ("etc/passwd", "root:x:0:0\n"),
            (".//etc/./passwd", "root:x:0:0\n"),
            ("etc/again", "second\n"),
            ("etc/gone", "secret two\n"),
            ("etc/twice", "later\n"),
            ("etc/name", "old\n"),
            ("etc/original", "new, not what etc/name is\n"),
            ("bin/sh", "#!shell\n"),
            ("bin/up", "root:x:0:0\n"),
            ("bin/away", "second\n"),
            ("bin/../../../etc/passwd", "root:x:0:0\n"),
            ("opt/app/three", "333"),
            ("usr/lib/é", "x"),
        ],
    )
    def test_it_is_what_a_container_reads(self, run: Run, source: str, path: str, content: str) -> None:
        ran = run("cat", source, path)
        assert (ran.code, ran.out, ran.err) == (0, content, "")

    @pytest.mark.parametrize(
        ("path", "code", "message"),
        [
            ("etc", 2, "etc is a directory"),
            ("/", 2, "/ is a directory"),
            ("usr/lib", 2, "usr/lib is a directory"),
            ("bin", 2, "usr/bin is a directory"),
            ("nothing", 3, "the image has no nothing"),
            ("opt/app/one", 3, "the image has no opt/app/one"),
            ("dangling", 3, "the image has no nowhere"),
            ("etc/passwd/x", 3, "etc/passwd is not a directory"),
            ("usr/bin/loop", 3, "a symlink that leads to itself"),
            ("run/pipe", 2, "run/pipe is a fifo: it has no content"),
            ("dev/null", 2, "dev/null is a character device"),
        ],
    )
    def test_what_has_no_content_is_said(self, run: Run, source: str, path: str, code: int, message: str) -> None:
        ran = run("cat", source, path)
        assert (ran.code, ran.out) == (code, "")
        assert message in ran.err

    def test_bytes_are_written_as_they_are(self, tmp_path: Path) -> None:
        content = bytes(range(256)) * 5000
        source = write_layout(tmp_path / "layout", build_image([layer_tar(file("data", content))]))
        command = [sys.executable, "-m", "occystrap_core", "cat", source, "data"]
        assert subprocess.run(command, capture_output=True, check=True).stdout == content

    def test_nothing_of_a_damaged_layer_is_written(self, run: Run, tmp_path: Path, image: BuiltImage) -> None:
        source = write_layout(tmp_path / "layout", image)
        blob = tmp_path / "layout/blobs/sha256" / image.layers[2].descriptor.digest.hex
        blob.write_bytes(blob.read_bytes() + b"\0")
        ran = run("cat", source, "etc/twice")
        assert (ran.code, ran.out) == (3, "")
        assert "larger than" in ran.err

    def test_json_is_refused(self, run: Run, source: str) -> None:
        assert run("cat", source, "etc/passwd", "-O", "json").code == 2


class TestLayersThatAreRead:
    def reading(self, image: BuiltImage, path: str) -> tuple[bytes, list[int]]:
        """The content, and the layers that were read for it, in order."""
        source = MemoryInput(image)
        tree, _ = read_tree(source, Selection((image.root.platform,)))  # type: ignore[arg-type]
        assert isinstance(tree, Image)
        with read_file(source, tree, path.encode(), Settings(), Silent()) as spool:
            content = b"".join(spool.chunks())
        layers: list[Digest] = [layer.descriptor.digest for layer in image.layers]
        return content, [layers.index(digest) for digest in source.reads if digest in layers]

    @pytest.mark.parametrize(
        ("path", "read"),
        [
            ("etc/twice", [2]),
            ("etc/name", [2, 1, 0]),
            ("etc/again", [2, 1]),
            ("bin/sh", [2, 1, 0]),
            ("bin/up", [2, 1, 0]),
        ],
    )
    def test_none_below_the_file_and_mostly_none_twice(self, image: BuiltImage, path: str, read: list[int]) -> None:
        assert self.reading(image, path)[1][: len(read)] == read

    def test_a_file_that_a_symlink_of_a_lower_layer_leads_to_is_read_where_it_is(self) -> None:
        top = layer_tar(file("usr/lib/name", "right"))
        image = build_image([layer_tar(symlink("lib", "usr/lib")), layer_tar(("x", "")), top])
        assert self.reading(image, "lib/name") == (b"right", [2, 1, 0, 2])

    def test_a_whiteout_is_the_end_of_the_search(self) -> None:
        image = build_image([layer_tar(("a/b", "x")), layer_tar(("y", "")), layer_tar(whiteout("a"))])
        with pytest.raises(Exception, match="the image has no a/b"):
            self.reading(image, "a/b")

    @pytest.mark.parametrize(
        ("layers", "content"),
        [
            ([layer_tar(("d/f", "old")), layer_tar(("d", "a file")), layer_tar(("d/g", "new"))], None),
            ([layer_tar(("d/f", "old")), layer_tar(opaque("d")), layer_tar(("d/g", ""))], None),
            ([layer_tar(("d/f", "old")), layer_tar(opaque("d"), ("d/f", "new"))], b"new"),
            ([layer_tar(("d/f", "old")), layer_tar(whiteout("d")), layer_tar(("d/f", "new"))], b"new"),
            ([layer_tar(("f", "1")), layer_tar(hardlink("d/f", "f")), layer_tar(("f", "2"))], b"1"),
            ([layer_tar(("f", "1"), hardlink("g", "f"), hardlink("d/f", "g"))], b"1"),
            ([layer_tar(symlink("d", "e"), ("e/f", "1"))], b"1"),
            ([layer_tar(symlink("d", "/e"), ("e/f", "1")), layer_tar(("d/f", "2"))], b"2"),
        ],
    )
    def test_what_higher_layers_say_counts(self, layers: list[bytes], content: bytes | None) -> None:
        image = build_image(layers)
        if content is None:
            with pytest.raises(Exception, match="the image has no d/f"):
                self.reading(image, "d/f")
        else:
            assert self.reading(image, "d/f")[0] == content


@pytest.mark.parametrize("command", [("ls",), ("cat", "x")])
def test_one_image_is_looked_into(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    images = [build_image([layer_tar(("x", name))], platform=platform) for name, platform in PLATFORMS.items()]
    source = write_layout(tmp_path / "index", build_index(images))
    name, *more = command
    ran = run(name, source, *more, "--all-platforms")
    assert ran.code == 2
    assert "choose one with --platform: linux/amd64, linux/arm64" in ran.err
    assert run(name, source, *more, "--platform", "linux/arm64").code == 0


@pytest.mark.parametrize("command", [("ls",), ("cat", "x")])
def test_an_artifact_has_no_files(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    name, *more = command
    ran = run(name, write_layout(tmp_path / "thing", build_artifact({"text/plain": b"x"})), *more)
    assert (ran.code, ran.out) == (2, "")
    assert "no file system" in ran.err

"""`-f exclude` drops what its patterns name and leaves nothing dangling."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from occystrap_core.contracts.entry import HARDLINK, REGULAR, SYMLINK
from occystrap_core.model.errors import ContentError, OptionError
from occystrap_core.streams.tar import TarReader, make_entry
from occystrap_core.testing.build import (
    build_image,
    directory,
    file,
    hardlink,
    layer_tar,
    opaque,
    symlink,
    whiteout,
)
from tests.filters.driving import digest_of, filtered, opened

TREE = layer_tar(("app/", ""), ("app/.git/", ""), ("app/.git/config", "c"), ("app/main.py", "m"), ("./app/x.pyc", "b"))


class TestWhatGoes:
    @pytest.mark.parametrize(
        ("pattern", "left"),
        [
            ("**/.git", ["app/", "app/main.py", "./app/x.pyc"]),
            ("app/*.pyc", ["app/", "app/.git/", "app/.git/config", "app/main.py"]),
            ("*.pyc,**/.git", ["app/", "app/main.py"]),
            ("app/.git/**", ["app/", "app/.git/", "app/main.py", "./app/x.pyc"]),
            ("/app", []),
            ("*", []),
            ("nothing", ["app/", "app/.git/", "app/.git/config", "app/main.py", "./app/x.pyc"]),
        ],
    )
    def test_the_rest_stays_in_its_order(self, pattern: str, left: list[str]) -> None:
        assert filtered(TREE, f"exclude:pattern={pattern}").names() == left

    def test_the_option_may_be_repeated(self) -> None:
        assert filtered(TREE, "exclude:pattern=*.pyc,pattern=**/.git").names() == ["app/", "app/main.py"]

    def test_names_that_are_not_utf8_can_be_matched_and_pass_unharmed(self) -> None:
        names = [b"bad\xff", b"caf\xc3\xa9", b"ok"]
        layer = layer_tar(*(make_entry(name) for name in names))
        assert filtered(layer, "exclude:pattern=caf?").names() == ["bad\udcff", "ok"]
        assert filtered(layer, "exclude:pattern=bad?").names() == ["café", "ok"]

    def test_what_stays_keeps_every_byte(self) -> None:
        kept = file("keep", "k", mtime=1.5, xattrs={"user.a": b"\xff"})
        assert filtered(layer_tar(kept, ("gone", "g")), "exclude:pattern=gone").layers[0] == layer_tar(kept)

    def test_a_layer_without_matches_keeps_its_blob(self) -> None:
        image = build_image([TREE, layer_tar(("gone", ""))])
        result = filtered(image, "exclude:pattern=gone")
        first, second = result.outcome.images[0].layers
        assert (first.changed, first.blob) == (False, image.layers[0].descriptor)
        assert (second.changed, result.names(1)) == (True, [])

    def test_config_and_history_stay_right(self) -> None:
        image = build_image([TREE, layer_tar(("gone", ""))])
        result = filtered(image, "exclude:pattern=gone")
        assert result.config["rootfs"]["diff_ids"] == [digest_of(layer) for layer in result.layers]
        assert result.config["history"] == image.config.json["history"]

    def test_a_global_header_is_no_entry_to_drop(self) -> None:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "c"}) as archive:
            archive.addfile(tarfile.TarInfo("x"))
        (left,) = TarReader((filtered(stream.getvalue(), "exclude:pattern=*").layers[0],))
        assert left.kind == b"g"

    @pytest.mark.parametrize("text", ["exclude", "exclude:pattern=", "exclude:pattern=,", "exclude:pattern=/"])
    def test_a_pattern_is_needed(self, text: str) -> None:
        with pytest.raises(OptionError, match="'pattern'"):
            opened(text)


class TestWhiteouts:
    LAYER = layer_tar(
        ("etc/", ""), whiteout("etc/foo"), whiteout("etc/bar"), opaque("etc/conf.d"), whiteout("etc/conf.d/x")
    )

    @pytest.mark.parametrize(
        ("pattern", "gone"),
        [
            ("etc/foo", {"etc/.wh.foo"}),
            ("etc/f*", {"etc/.wh.foo"}),
            ("etc/foo/below", set()),
            ("etc/conf.d", {"etc/conf.d/.wh..wh..opq", "etc/conf.d/.wh.x"}),
            ("etc/conf.d/x", {"etc/conf.d/.wh.x"}),
            ("etc/conf.d/**", {"etc/conf.d/.wh.x"}),
            ("etc/.wh.foo", {"etc/.wh.foo"}),
            ("**/.wh.*", {"etc/.wh.foo", "etc/.wh.bar", "etc/conf.d/.wh..wh..opq", "etc/conf.d/.wh.x"}),
        ],
    )
    def test_a_whiteout_goes_with_the_name_it_hides(self, pattern: str, gone: set[str]) -> None:
        everything = [entry.name.decode() for entry in TarReader((self.LAYER,))]
        left = filtered(self.LAYER, f"exclude:pattern={pattern}").names()
        assert left == [name for name in everything if name not in gone]

    def test_what_a_dropped_whiteout_hid_does_not_come_back(self) -> None:
        image = build_image([layer_tar(("etc/foo", "old"), ("etc/bar", "b")), layer_tar(whiteout("etc/foo"))])
        result = filtered(image, "exclude:pattern=etc/f*")
        assert [result.names(0), result.names(1)] == [["etc/bar"], []]


class TestHardLinks:
    def test_a_link_becomes_a_copy_of_its_excluded_target(self) -> None:
        target = file("secret/data", "content" * 500, mode=0o4711, uid=7, gid=8, mtime=99, xattrs={"user.x": b"\x00\n"})
        layer = layer_tar(("secret/", ""), target, hardlink("copy", "secret/data"), ("after", "a"))
        result = filtered(layer, "exclude:pattern=secret")
        assert result.names() == ["copy", "after"]
        entry, content = result.entries()["copy"]
        assert (entry.kind, content, entry.mode, entry.uid, entry.gid) == (REGULAR, b"content" * 500, 0o4711, 7, 8)
        assert (entry.mtime, dict(entry.xattrs)) == (99, {"user.x": b"\x00\n"})

    def test_later_links_lead_to_the_copy(self) -> None:
        links = [hardlink(name, "./gone") for name in ("one", "two", "three")]
        result = filtered(layer_tar(("gone", "g"), *links), "exclude:pattern=gone")
        entries = result.entries()
        assert (entries["one"][0].kind, entries["one"][1]) == (REGULAR, b"g")
        assert [entries[name][0].linkname for name in ("two", "three")] == [b"one", b"one"]

    def test_a_link_over_an_excluded_link_leads_to_where_that_led(self) -> None:
        layer = layer_tar(("kept", "k"), hardlink("gone", "kept"), hardlink("end", "gone"))
        entry, _ = filtered(layer, "exclude:pattern=gone").entries()["end"]
        assert (entry.kind, entry.linkname) == (HARDLINK, b"kept")

    def test_links_over_excluded_links_to_an_excluded_file_share_one_copy(self) -> None:
        layer = layer_tar(
            ("x/a", "content"), hardlink("x/b", "x/a"), hardlink("x/c", "x/b"), hardlink("p", "x/c"),
            hardlink("q", "x/a"), hardlink("r", "x/b"),
        )  # fmt: skip
        entries = filtered(layer, "exclude:pattern=x").entries()
        assert (entries["p"][0].kind, entries["p"][1]) == (REGULAR, b"content")
        assert [entries[name][0].linkname for name in ("q", "r")] == [b"p", b"p"]

    def test_a_link_to_a_symlink_becomes_that_symlink(self) -> None:
        layer = layer_tar(symlink("gone", "where"), hardlink("end", "gone"))
        entry, _ = filtered(layer, "exclude:pattern=gone").entries()["end"]
        assert (entry.kind, entry.linkname) == (SYMLINK, b"where")

    def test_a_link_with_its_target_kept_stays_as_it_is(self) -> None:
        layer = layer_tar(("a", "x"), hardlink("b", "a"))
        assert (
            filtered(layer_tar(("a", "x"), hardlink("b", "a"), ("gone", "")), "exclude:pattern=gone").layers[0] == layer
        )

    def test_links_that_go_with_their_target_need_no_copy(self) -> None:
        assert filtered(layer_tar(("x/a", "1"), hardlink("x/b", "x/a")), "exclude:pattern=x").names() == []

    def test_the_latest_file_of_a_name_is_the_one_that_is_copied(self) -> None:
        layer = layer_tar(("gone", "old"), ("gone", "new"), hardlink("end", "gone"))
        assert filtered(layer, "exclude:pattern=gone").entries()["end"][1] == b"new"

    def test_long_names_survive_the_copy(self) -> None:
        long, gone = "d/" * 150 + "link", "gone/" + "e" * 200
        layer = layer_tar((gone, "content"), hardlink(long, gone))
        assert filtered(layer, "exclude:pattern=gone").entries()[long][1] == b"content"

    def test_a_link_into_a_lower_layer_is_refused_by_name(self) -> None:
        image = build_image([layer_tar(("gone", "g")), layer_tar(hardlink("end", "gone"))])
        with pytest.raises(ContentError, match="'end' is a hard link to 'gone'.*excluded"):
            filtered(image, "exclude:pattern=gone")

    def test_links_that_run_in_a_circle_are_refused(self) -> None:
        layer = layer_tar(hardlink("x/a", "x/b"), hardlink("x/b", "x/a"), hardlink("end", "x/a"))
        with pytest.raises(ContentError, match="hard link"):
            filtered(layer, "exclude:pattern=x")

    def test_a_sparse_file_is_copied_with_its_holes(self, fixtures_dir: Path) -> None:
        name = "golang-go/src/archive/tar/testdata/sparse-formats.tar"
        source = (fixtures_dir / name).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(source)) as archive:
            paths = [member.name for member in archive if member.isfile()]
            contents = [archive.extractfile(path).read() for path in paths]  # type: ignore[union-attr]
        body = b"".join(entry_bytes(source))
        layer = body + layer_tar(*(hardlink(f"copy{number}", path) for number, path in enumerate(paths)))
        result = filtered(layer, "exclude:pattern=" + ",".join(paths))
        with tarfile.open(fileobj=io.BytesIO(result.layers[0])) as archive:
            copies = [archive.extractfile(f"copy{number}").read() for number in range(len(paths))]  # type: ignore[union-attr]
        assert copies == contents

    def test_many_large_excluded_files_are_kept_on_disk_only(self, tmp_path: Path) -> None:
        gone = [file(f"x/{number}", bytes([number]) * 300_000) for number in range(20)]
        links = [hardlink(f"y/{number}", f"x/{number}") for number in range(20)]
        result = filtered(layer_tar(*gone, *links), opened("exclude:pattern=x", temp_dir=tmp_path))
        assert [content for _, content in result.entries().values()] == [bytes([n]) * 300_000 for n in range(20)]
        assert list(tmp_path.iterdir()) == []


def entry_bytes(archive: bytes) -> list[bytes]:
    """Everything of an archive before its end."""
    end = len(archive.rstrip(b"\0"))
    return [archive[: end + (-end % 512)]]


def test_a_filter_before_it_decides_what_is_copied() -> None:
    layer = layer_tar(file("gone", "g", mtime=5), hardlink("end", "gone", mtime=5))
    result = filtered(layer, "normalize-timestamps:ts=9", "exclude:pattern=gone")
    entry, content = result.entries()["end"]
    assert (entry.mtime, content) == (9, b"g")


def test_a_filter_after_it_sees_the_copy() -> None:
    layer = layer_tar(file("gone", "g", mtime=5), hardlink("end", "gone", mtime=5), directory("d", mtime=5))
    entry, content = filtered(layer, "exclude:pattern=gone", "normalize-timestamps:ts=9").entries()["end"]
    assert (entry.mtime, content) == (9, b"g")

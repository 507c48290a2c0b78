"""`-f search` lists matching entries and changes nothing."""

from __future__ import annotations

import pytest

from occystrap_core.contracts.entry import BLOCK_DEVICE
from occystrap_core.model.errors import OptionError
from occystrap_core.model.image import ImageName
from occystrap_core.streams.tar import make_entry
from occystrap_core.testing.build import (
    BuiltImage,
    build_image,
    device,
    fifo,
    file,
    hardlink,
    layer_tar,
    symlink,
    whiteout,
)
from tests.filters.driving import Filtered, digest_of, filtered, opened

FIRST = layer_tar(
    ("etc/", ""), ("etc/passwd", "root"), ("./etc/hosts", ""), ("/abs/file.conf", "x"), symlink("etc/link", "passwd"),
    hardlink("etc/hard", "etc/passwd"), fifo("dev/fifo"), device("dev/null", 1, 3),
    device("dev/sda", 8, 0, BLOCK_DEVICE), make_entry("é".encode()), make_entry(b"bad\xff", body=b"x"),
)  # fmt: skip
SECOND = layer_tar(whiteout("etc/passwd"), ("opt/x.conf", "12345"), make_entry(b"opt/odd", b"V"))
THIRD = layer_tar(("opt/zzz", ""))


@pytest.fixture
def image() -> BuiltImage:
    return build_image([FIRST, SECOND, THIRD])


def name_of(image: BuiltImage, position: int) -> str:
    return image.layers[position].descriptor.digest.hex


def test_the_listing_names_layers_in_order_and_every_kind_of_entry(image: BuiltImage) -> None:
    assert list(filtered(image, "search:pattern=*").report.lines) == [
        f"Layer: {name_of(image, 0)}",
        "  etc (directory)",
        "  etc/passwd (file, 4 bytes)",
        "  ./etc/hosts (file, 0 bytes)",
        "  /abs/file.conf (file, 1 bytes)",
        "  etc/link -> passwd (symlink)",
        "  etc/hard -> etc/passwd (hardlink)",
        "  dev/fifo (fifo)",
        "  dev/null (character device)",
        "  dev/sda (block device)",
        "  é (file, 0 bytes)",
        "  bad\udcff (file, 1 bytes)",
        "",
        f"Layer: {name_of(image, 1)}",
        "  etc/.wh.passwd (file, 0 bytes)",
        "  opt/x.conf (file, 5 bytes)",
        "  opt/odd (unknown)",
        "",
        f"Layer: {name_of(image, 2)}",
        "  opt/zzz (file, 0 bytes)",
        "",
        "Found 15 matches in 3 layers.",
    ]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("pattern=passwd", ["etc/passwd"]),
        ("pattern=etc/passwd", ["etc/passwd"]),
        ("pattern=*.conf", ["/abs/file.conf", "opt/x.conf"]),
        ("pattern=/abs/*", ["/abs/file.conf"]),
        ("pattern=etc/hosts", []),
        ("pattern=hos,ts", []),
        ("pattern=^opt/[xz],regex=true", ["opt/x.conf", "opt/zzz"]),
        ("pattern=wd$,regex=yes", ["etc/passwd", "etc/.wh.passwd"]),
        ("pattern=ETC", []),
    ],
)
def test_globs_match_a_whole_name_or_its_last_part_and_expressions_match_anywhere(
    image: BuiltImage, options: str, found: list[str]
) -> None:
    assert [match["path"] for match in filtered(image, f"search:{options}").report.data["matches"]] == found


def test_one_match_is_told_in_the_singular(image: BuiltImage) -> None:
    assert filtered(image, "search:pattern=zzz").report.lines[-1] == "Found 1 match in 1 layer."


def test_no_match_is_told(image: BuiltImage) -> None:
    assert filtered(image, "search:pattern=nothing").report.lines == ("No matches found.",)


class TestForScripts:
    def lines(self, image: BuiltImage, *, pattern: str = "x.conf", **named: object) -> tuple[str, ...]:
        search = opened(f"search:pattern={pattern},script-friendly=true", **named)  # type: ignore[arg-type]
        return filtered(image, search).report.lines

    def test_a_match_is_a_line_of_image_tag_layer_and_path(self, image: BuiltImage) -> None:
        assert self.lines(image) == (f"sample:latest:{name_of(image, 1)}:opt/x.conf",)

    def test_a_registry_is_not_part_of_the_image_s_name(self, image: BuiltImage) -> None:
        name = ImageName("localhost:5000/team/app", "1.2")
        (line,) = self.lines(image, name=name, origin=("localhost:5000", "team/app"))
        assert line.startswith("team/app:1.2:")

    def test_an_archive_s_name_is_told_as_it_is(self, image: BuiltImage) -> None:
        (line,) = self.lines(image, name=ImageName("quay.io/team/app", "1.2"))
        assert line.startswith("quay.io/team/app:1.2:")

    def test_an_image_without_a_name_is_unknown(self, image: BuiltImage) -> None:
        (line,) = self.lines(image, name=ImageName(""))
        assert line.startswith("unknown:unknown:")

    def test_no_match_is_no_line(self, image: BuiltImage) -> None:
        assert self.lines(image, pattern="nothing") == ()


def test_the_data_says_where_each_match_is(image: BuiltImage) -> None:
    report = filtered(image, "search:pattern=etc/[hl]*").report
    layer = str(image.layers[0].descriptor.digest)
    assert report.data == {
        "pattern": "etc/[hl]*",
        "matches": [
            {"layer": layer, "index": 0, "path": "etc/link", "kind": "symlink", "size": 0, "target": "passwd"},
            {"layer": layer, "index": 0, "path": "etc/hard", "kind": "hardlink", "size": 0, "target": "etc/passwd"},
        ],
    }


def test_the_image_arrives_as_it_is(image: BuiltImage) -> None:
    result = filtered(image, "search:pattern=*")
    assert result.outcome.receipt.root == image.root
    assert not any(layer.changed for layer in result.outcome.images[0].layers)


def searched(result: Filtered, position: int) -> dict[str, object]:
    report = result.outcome.reports[position][1]
    return {match["path"]: match["layer"] for match in report.data["matches"]}


def test_after_a_filter_it_sees_what_that_left_and_names_the_new_layer(image: BuiltImage) -> None:
    result = filtered(image, "search:pattern=*.conf", "exclude:pattern=opt/*", "search:pattern=*.conf")
    old = str(image.layers[0].descriptor.digest), str(image.layers[1].descriptor.digest)
    assert searched(result, 0) == {"/abs/file.conf": old[0], "opt/x.conf": old[1]}
    assert searched(result, 2) == {"/abs/file.conf": old[0]}
    touched = filtered(image, "normalize-timestamps:ts=9", "search:pattern=zzz")
    assert searched(touched, 1) == {"opt/zzz": digest_of(touched.layers[2])}


def test_the_same_layer_twice_is_searched_twice() -> None:
    image = build_image([THIRD, THIRD])
    assert [match["index"] for match in filtered(image, "search:pattern=zzz").report.data["matches"]] == [0, 1]


def test_a_global_header_is_no_entry() -> None:
    layer = layer_tar(make_entry(b"pax_global_header", b"g"), file("x"))
    assert [each["path"] for each in filtered(layer, "search:pattern=*").report.data["matches"]] == ["x"]


def test_a_file_s_size_is_that_of_the_file_unpacked() -> None:
    sparse = {"major": b"0", "minor": b"1", "numblocks": b"1", "map": b"10,2", "size": b"4096"}
    layer = layer_tar(file("f", b"12", pax={f"GNU.sparse.{key}": value for key, value in sparse.items()}))
    (match,) = filtered(layer, "search:pattern=f").report.data["matches"]
    assert (match["kind"], match["size"]) == ("file", 4096)


def test_a_broken_expression_is_refused() -> None:
    with pytest.raises(OptionError, match="not a regular expression"):
        opened("search:pattern=(,regex=true")


def test_a_search_is_never_answered_from_a_cache() -> None:
    assert opened("search:pattern=x").filter.fingerprint == ""
    assert opened("search:pattern=x").filter.observes

"""`occystrap search`: what it finds, in which order, and how it says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.model.media_types import Compression
from occystrap_core.model.platform import Platform
from occystrap_core.testing.build import (
    BuiltImage,
    build_artifact,
    build_image,
    build_index,
    build_layer,
    file,
    layer_tar,
)
from tests.cli.conftest import Run
from tests.end_to_end.images import write_layout


def found(run: Run, *arguments: str) -> list[dict[str, Any]]:
    ran = run("search", *arguments, "-O", "json", "-q")
    assert (ran.code, ran.err) == (0, "")
    matches: list[dict[str, Any]] = json.loads(ran.out)["matches"]
    return matches


def paths(matches: list[dict[str, Any]]) -> list[str]:
    return [match["path"] for match in matches]


def hex_of(image: BuiltImage, layer: int) -> str:
    return image.layers[layer].descriptor.digest.hex


def test_matches_are_listed_by_layer(run: Run, source: str, image: BuiltImage) -> None:
    ran = run("search", source, "etc/*")
    assert ran.out.splitlines() == [
        f"Layer: {hex_of(image, 0)}",
        "  etc/passwd (file, 11 bytes)",
        "  etc/gone (file, 11 bytes)",
        "  etc/again (file, 6 bytes)",
        "  etc/original (file, 4 bytes)",
        "",
        f"Layer: {hex_of(image, 1)}",
        "  etc/.wh.gone (file, 0 bytes)",
        "  etc/again (file, 7 bytes)",
        "  etc/name -> etc/original (hardlink)",
        "",
        f"Layer: {hex_of(image, 2)}",
        "  etc/original (file, 26 bytes)",
        "  etc/gone (file, 11 bytes)",
        "  etc/twice (file, 8 bytes)",
        "  etc/twice (file, 6 bytes)",
        "",
        "Deleted by later layers:",
        "  etc/gone (layer 0, deleted by layer 1)",
        "",
        "Found 11 matches in 3 layers.",
    ]
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sh"], ["usr/bin/sh"]),
        (["--regex", "^bin$|/lib/"], ["bin", "./usr/lib/é"]),
        (["*", "--content", "^secret"], ["etc/gone", "etc/gone"]),
        (["again", "--content", "sec.nd$"], ["etc/again"]),
        (["nothing at all"], []),
    ],
)
def test_names_and_contents_are_matched(run: Run, source: str, arguments: list[str], expected: list[str]) -> None:
    assert paths(found(run, source, *arguments)) == expected


def test_no_match_is_no_failure(run: Run, source: str) -> None:
    ran = run("search", source, "nothing")
    assert (ran.code, ran.out) == (0, "No matches found.\n")
    ran = run("search", source, "nothing", "--script-friendly")
    assert (ran.code, ran.out) == (0, "")


def test_a_line_for_scripts_names_image_tag_layer_and_path(
    run: Run, tmp_path: Path, source: str, image: BuiltImage
) -> None:
    archive = f"tar://{tmp_path}/image.tar"
    assert run("process", source, f"{archive}?name=team/app:1").code == 0
    ran = run("search", archive, "passwd", "--script-friendly")
    assert ran.out == f"team/app:1:{image.layers[0].diff_id.hex}:etc/passwd\n"


def test_what_later_layers_hide_is_marked_in_json(run: Run, source: str) -> None:
    fates = {(m["path"], m["index"]): (m["deleted_by"], m["replaced_by"]) for m in found(run, source, "*")}
    assert fates["etc/passwd", 0] == (None, None)
    assert fates["etc/gone", 0] == (1, None)
    assert fates["etc/again", 0] == (None, 1)
    assert fates["etc/original", 0] == (None, 2)
    assert fates["opt/app/one", 0] == (2, None)
    assert fates["opt/app", 0] == (None, None)
    assert fates["etc/.wh.gone", 1] == (None, None)


@pytest.mark.parametrize("pattern", ["*", "opt/*", "--regex=one"])
def test_what_later_layers_delete_is_told_at_the_end(run: Run, source: str, pattern: str) -> None:
    """The same of every match as JSON says."""
    asked = (pattern.removeprefix("--regex="), *(["--regex"] if "=" in pattern else []))
    lines = run("search", source, *asked).out.splitlines()
    told = lines[lines.index("Deleted by later layers:") + 1 : -2]
    assert told == [
        f"  {match['path']} (layer {match['index']}, deleted by layer {match['deleted_by']})"
        for match in found(run, source, *asked)
        if match["deleted_by"] is not None
    ]
    assert "  opt/app/one (layer 0, deleted by layer 2)" in told
    assert "Deleted" not in run("search", source, *asked, "--merged").out
    assert "Deleted" not in run("search", source, *asked, "--script-friendly").out


def test_what_is_there_in_the_end_is_not_said_to_be_deleted(run: Run, source: str) -> None:
    assert "Deleted" not in run("search", source, "passwd").out


def test_merged_finds_only_what_a_container_sees(run: Run, source: str, image: BuiltImage) -> None:
    ran = run("search", source, "--merged", "--regex", "^etc/(g|a|t|.wh)|^opt/app/")
    assert ran.out.splitlines() == [
        f"Layer: {hex_of(image, 1)}",
        "  etc/again (file, 7 bytes)",
        "",
        f"Layer: {hex_of(image, 2)}",
        "  opt/app/three (file, 3 bytes)",
        "  etc/gone (file, 11 bytes)",
        "  etc/twice (file, 6 bytes)",
        "",
        "Found 4 matches in 2 layers.",
    ]
    merged = found(run, source, "*", "--merged", "--content", "secret")
    assert [(m["path"], m["index"], m["offset"], m["text"]) for m in merged] == [("etc/gone", 2, 0, "secret")]


def test_a_match_across_the_pieces_of_a_large_file_is_found(run: Run, tmp_path: Path) -> None:
    content = b"." * ((1 << 20) - 3) + b"needle" + b"." * (1 << 20)
    image = build_image([layer_tar(file("large", content), file("other", b"." * 100))])
    (match,) = found(run, write_layout(tmp_path / "large", image), "--content", "ne+dle")
    assert (match["path"], match["offset"]) == ("large", (1 << 20) - 3)


def test_the_order_is_that_of_the_layers_however_they_are_read(run: Run, tmp_path: Path) -> None:
    layers = [layer_tar(*(file(f"{layer}/{n}", b"x" * 50_000) for n in range(40 // (layer + 1)))) for layer in range(6)]
    source = write_layout(tmp_path / "many", build_image(layers))
    expected = [f"{layer}/{n}" for layer in range(6) for n in range(40 // (layer + 1))]
    for workers in ("1", "8"):
        assert paths(found(run, source, "*", "-j", workers)) == expected


@pytest.mark.parametrize("compression", list(Compression))
def test_layers_are_read_in_every_compression(run: Run, tmp_path: Path, compression: Compression) -> None:
    image = build_image([build_layer(layer_tar(("etc/motd", "hi")), compression=compression)])
    assert paths(found(run, write_layout(tmp_path / "layout", image), "motd")) == ["etc/motd"]


def test_all_platforms_are_searched_one_after_the_other(run: Run, tmp_path: Path) -> None:
    arm = build_image([layer_tar(("arm", ""))], platform=Platform("linux", "arm64"))
    index = build_index([build_image([layer_tar(("amd", ""))]), arm], attest=True)
    source = write_layout(tmp_path / "index", index)
    assert paths(found(run, source, "a*")) == ["amd"]
    matches = found(run, source, "a*", "--all-platforms")
    assert [(m["path"], m["platform"]) for m in matches] == [("amd", "linux/amd64"), ("arm", "linux/arm64")]
    out = run("search", source, "a*", "--all-platforms").out
    assert f"Image: {arm.root.digest} (linux/arm64)\nLayer: {hex_of(arm, 0)}\n  arm (file, 0 bytes)\n" in out


def test_blobs_that_are_no_tar_layers_are_said_to_be_left_out(run: Run, tmp_path: Path) -> None:
    source = write_layout(tmp_path / "thing", build_artifact({"text/plain": b"hello"}))
    ran = run("search", source, "*")
    assert (ran.code, ran.out) == (0, "No matches found.\n")
    assert "layer 1 is not searched: 'text/plain' is no tar layer" in ran.err


def test_a_damaged_layer_ends_the_search_after_what_was_found_before(
    run: Run, tmp_path: Path, image: BuiltImage
) -> None:
    source = write_layout(tmp_path / "layout", image)
    blob = tmp_path / "layout/blobs/sha256" / hex_of(image, 1)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    ran = run("search", source, "etc/*")
    assert ran.code == 3
    assert "etc/passwd (file, 11 bytes)" in ran.out
    assert "  etc/twice" not in ran.out
    assert ran.err.startswith("Error: source: layer ")


def test_names_cannot_steer_a_terminal(run: Run, tmp_path: Path) -> None:
    source = write_layout(tmp_path / "evil", build_image([layer_tar(file("a\x1b[31m\nb", "x"))]))
    assert "  a\\x1b[31m\\nb (file, 1 bytes)\n" in run("search", source, "*").out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "Missing argument 'PATTERN'"),
        (("(", "--regex"), "'(' is not a regular expression"),
        (("*", "--content", "["), "--content: '[' is not a regular expression"),
        (("*", "--script-friendly", "-O", "json"), "cannot both be given"),
    ],
)
def test_a_wrong_request_is_refused(run: Run, source: str, arguments: tuple[str, ...], complaint: str) -> None:
    ran = run("search", source, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert complaint in ran.err


def test_a_reader_that_goes_away_ends_it() -> None:
    command = [sys.executable, "-m", "occystrap_core", "search", "sample://?layers=4&files=3000", "*", "-q"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    assert process.stdout.readline().startswith(b"Layer: ")
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60) != 0, error) == (True, b"")


@pytest.mark.skipif("OCCYSTRAP_OLD" not in os.environ, reason="OCCYSTRAP_OLD does not name an occystrap 0.4")
@pytest.mark.parametrize(
    "arguments", [("*",), ("etc/*",), ("s?",), ("no",), ("--regex", "/[a-g]"), ("--script-friendly", "*e*")]
)
def test_the_previous_tool_says_the_same_of_an_archive(
    run: Run, tmp_path: Path, source: str, arguments: tuple[str, ...]
) -> None:
    archive = f"tar://{tmp_path}/image.tar"
    assert run("process", source, f"{archive}?name=team/app:1").code == 0
    command = [os.environ["OCCYSTRAP_OLD"], "search", *arguments[:-1], archive, arguments[-1]]
    before = subprocess.run(command, capture_output=True)
    ran = run("search", archive, *arguments)
    told, deleted, end = ran.out.partition("Deleted by later layers:\n")
    assert told + end.partition("\n\n")[2] == before.stdout.decode()
    assert not (deleted and "--script-friendly" in arguments)


def test_a_broken_image_of_several_hides_no_other(run: Run, tmp_path: Path) -> None:
    images = [build_image([layer_tar(file("etc/x", os_arch))], platform=Platform("linux", os_arch)) for os_arch in "ab"]
    source = write_layout(tmp_path / "index", build_index(images))
    (tmp_path / "index/blobs/sha256" / images[0].root.digest.hex).unlink()
    for told in ((), ("-O", "json"), ("--script-friendly",)):
        ran = run("search", source, "x", "--all-platforms", *told)
        assert ran.code == 3
        assert images[1].layers[0].descriptor.digest.hex in ran.out
        assert ran.err.startswith("Error: the image for linux/a: source: ")
    assert run("search", source, "x", "--platform", "linux/b").code == 0

"""`occystrap process` from and to archives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from occystrap_core.model.media_types import Compression, Family
from occystrap_core.testing.build import build_image
from tests.peers import Result
from tests.tar_archive.archives import (
    LAYER,
    OTHER_LAYER,
    config_of,
    manifest_json,
    read_back,
    saved,
    transfer,
    write_archive,
    write_saved,
)

Cli = Callable[..., Result]
IMAGE = build_image([LAYER, OTHER_LAYER], family=Family.OCI)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    transfer(IMAGE, tmp_path / "source.tar", format="oci")
    return tmp_path / "source.tar"


@pytest.mark.parametrize("scheme", ["tar", "file"])
def test_an_archive_becomes_an_archive(tmp_path: Path, run_cli: Cli, source: Path, scheme: str) -> None:
    done = run_cli("process", f"{scheme}://{source}", f"{scheme}://{tmp_path / 'a.tar'}", "--verify-full")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("Summary: 2 layers, ") and "verified OK" in done.stderr
    assert read_back(tmp_path / "a.tar").layers == (LAYER, OTHER_LAYER)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.tar", "source.tar"]


def test_a_relative_path_needs_no_slashes(tmp_path: Path, run_cli: Cli, source: Path) -> None:
    assert run_cli("process", "tar:source.tar", "tar:a%20b.tar?compression=zstd", cwd=tmp_path).returncode == 0
    assert read_back(tmp_path / "a b.tar").compressions == (Compression.ZSTD, Compression.ZSTD)


def test_from_and_to_pipes(tmp_path: Path, source: Path) -> None:
    command = [sys.executable, "-m", "occystrap_core", "--quiet", "process", "tar://-", "tar://-"]
    done = subprocess.run(command, input=source.read_bytes(), capture_output=True, check=True)
    transfer(IMAGE, tmp_path / "file.tar")
    assert done.stdout == (tmp_path / "file.tar").read_bytes()


def test_one_of_several_images(tmp_path: Path, run_cli: Cli) -> None:
    images = manifest_json(saved("a", ["one"], ["first:1"]), saved("b", ["two"], ["second:2"]))
    path = write_archive(
        tmp_path / "two.tar",
        ("a", config_of(LAYER)),
        ("b", config_of(OTHER_LAYER)),
        ("one", LAYER),
        ("two", OTHER_LAYER),
        images,
    )
    first = run_cli("process", f"tar://{path}", f"tar://{tmp_path / 'a.tar'}")
    assert "holds 2 images, 0: first:1, 1: second:2: the first is read" in first.stderr
    done = run_cli("process", f"tar://{path}?ref=second:2", f"tar://{tmp_path / 'a.tar'}")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    read = read_back(tmp_path / "a.tar")
    assert (read.name, read.layers) == ("second:2", (OTHER_LAYER,))


def test_the_json_result_tells_form_and_place(tmp_path: Path, run_cli: Cli, source: Path) -> None:
    done = run_cli("-O", "json", "process", f"tar://{source}", f"tar://{tmp_path / 'a.tar'}?format=oci")
    result = json.loads(done.stdout)
    assert result["written"] == f"tar://{tmp_path / 'a.tar'}"
    assert result["details"] == {"format": "oci"}
    assert result["digest"] == str(IMAGE.root.digest)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["tar://missing.tar", "tar://a.tar"], 3, "Error: source: missing.tar does not exist"),
        (["tar://source.tar", "tar://source.tar"], 2, "is the source itself"),
        (["tar://source.tar", "tar://no/such/folder/a.tar"], 3, "the folder no/such/folder does not exist"),
        (["tar://source.tar?ref=nobody", "tar://a.tar"], 3, "has no image 'nobody'"),
        (["tar://source.tar?rref=x", "tar://a.tar"], 2, "did you mean 'ref'?"),
        (["tar://source.tar", "tar://a.tar?format=zip"], 2, "'zip' is none of docker, oci"),
        (["tar://source.tar", "tar://a.tar?compression=xz"], 2, "'xz' is none of none, gzip, zstd"),
        (["tar://", "tar://a.tar"], 2, "needs a path"),
        (["tar://bad.tar", "tar://a.tar"], 3, "bad.tar is not an image archive"),
        (["tar://damaged.tar", "tar://a.tar"], 3, "Error: source: "),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(
    tmp_path: Path, run_cli: Cli, source: Path, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "bad.tar").write_bytes(b"not an archive")
    write_saved(tmp_path / "damaged.tar", OTHER_LAYER, config=config_of(LAYER))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = run_cli("process", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before

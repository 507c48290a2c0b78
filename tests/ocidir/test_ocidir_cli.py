"""`occystrap process` with layouts and directories at both ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers import Result

Run = Callable[..., Result]


@pytest.fixture
def run(run_cli: Run, tmp_path: Path) -> Run:
    """In a folder of its own, where relative paths lead."""
    return lambda *args: run_cli(*args, cwd=tmp_path)


def done(result: Result) -> Result:
    assert result.returncode == 0, result.stderr
    assert "verified OK" in result.stderr
    return result


def digest_of(result: Result) -> str:
    return str(json.loads(result.stdout)["digest"])


def test_there_and_back_again(run: Run, tmp_path: Path) -> None:
    first = done(run("-O", "json", "process", "--verify-full", "sample://", "ocidir://one:v1"))
    done(run("process", "--verify-full", "ocidir://one", "dir://two?unique_names=true"))
    done(run("process", "--verify-full", "dir://two", "ocidir:three:v1"))
    again = done(run("-O", "json", "process", "ocidir://one:v1", "ocidir://four"))
    assert digest_of(again) == digest_of(first)
    assert (tmp_path / "two/manifest-one-v1.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["four", "one", "three", "two"]


def test_an_image_is_added_beside_another_through_a_filter(run: Run, tmp_path: Path) -> None:
    done(run("process", "sample://", "ocidir://out:v1"))
    before = (tmp_path / "out/index.json").read_bytes()
    done(run("process", "-f", "normalize-timestamps:ts=7", "ocidir://out:v1", "ocidir://out:v2"))
    index = json.loads((tmp_path / "out/index.json").read_bytes())
    assert len(index["manifests"]) == 2
    assert index["manifests"][0] == json.loads(before)["manifests"][0]


def test_a_filter_into_the_directory_it_reads_from_takes_effect(run: Run, tmp_path: Path) -> None:
    done(run("process", "sample://", "dir://out"))
    before = json.loads((tmp_path / "out/manifest.json").read_bytes())
    done(run("process", "-f", "normalize-timestamps:ts=7", "dir://out", "dir://out"))
    after = json.loads((tmp_path / "out/manifest.json").read_bytes())
    assert set(after[0]["Layers"]).isdisjoint(before[0]["Layers"])


@pytest.mark.parametrize(
    ("source", "destination", "code", "words"),
    [
        ("ocidir://nowhere", "dir://out", 3, "source: nowhere does not exist"),
        ("dir://nowhere", "dir://out", 3, "source: nowhere does not exist"),
        ("sample://", "ocidir://out:-x", 2, "cannot be a name in an image layout"),
        ("sample://", "ocidir://out?kompression=zstd", 2, "did you mean 'compression'?"),
        ("sample://", "ocidir://file", 2, "destination: file is not a directory"),
        ("ocidir://", "dir://out", 2, "needs a path"),
        ("ocidir://file", "dir://out", 3, "tar:// reads archives"),
    ],
)
def test_mistakes_are_told_in_one_line(
    run: Run, tmp_path: Path, source: str, destination: str, code: int, words: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    result = run("process", source, destination)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

"""Images and layers that other tools made, moved by the program: what is valid arrives, what is not is refused."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.testing.build import build_image
from tests import peers
from tests.end_to_end import witness
from tests.end_to_end.conftest import Run
from tests.end_to_end.images import write_layout

GGCR = "google+go-containerregistry/pkg/v1"
LIBS = "containers+container-libs"

REFUSED_WITH_REASON = {
    f"{LIBS}/common/pkg/manifests/testdata/artifacts/index": "config",
}
"""Called valid, but its manifests have no config, which the image specification requires."""

TAKEN_WITH_A_NOTE = {
    f"{GGCR}/mutate/testdata/source_image_with_empty_layer_history.tar": "other content than its name says",
}
"""Called defective for a file name that docker, skopeo and crane do not look at either."""

ARTIFACTS = {
    f"{LIBS}/common/pkg/manifests/testdata/artifacts/blobs-only",
    f"{LIBS}/common/pkg/manifests/testdata/artifacts/no-blobs",
    f"{GGCR}/layout/testdata/test_index_media_type",
}
"""No layers that docker could load: an archive of docker's has no place for them."""


@cache
def expectations() -> tuple[dict[str, Any], ...]:
    try:
        lines = (peers.fixtures_directory() / "EXPECTED.jsonl").read_text().splitlines()
    except (pytest.skip.Exception, pytest.fail.Exception):
        return ()
    return tuple(map(json.loads, lines))


def paths(*, valid: bool) -> list[str]:
    images = [line for line in expectations() if line["kind"] != "layer-tar"]
    return [line["path"] for line in images if _is_taken(line) is valid]


def _is_taken(line: dict[str, Any]) -> bool:
    path = line["path"]
    return path in TAKEN_WITH_A_NOTE or (line["expect"] == "valid" and path not in REFUSED_WITH_REASON)


def layer_tars(expect: str) -> list[str]:
    return [line["path"] for line in expectations() if line["kind"] == "layer-tar" and line["expect"] == expect]


def sources(path: Path) -> list[str]:
    """A URI for every image that is there: those of a layout by their digests."""
    if not path.is_dir():
        return [f"tar://{path}"]
    try:
        entries = json.loads((path / "index.json").read_bytes())["manifests"]
    except FileNotFoundError:
        return [f"ocidir://{path}"]
    return list(dict.fromkeys(f"ocidir://{path}@{entry['digest']}" for entry in entries))


def test_there_are_fixtures(fixtures_dir: Path) -> None:
    assert (len(paths(valid=True)), len(paths(valid=False))) == (43, 17)
    assert (len(layer_tars("accept")), len(layer_tars("reject"))) == (94, 15)


@pytest.mark.parametrize("path", paths(valid=True))
def test_a_valid_image_arrives(run: Run, fixtures_dir: Path, tmp_path: Path, path: str) -> None:
    for number, source in enumerate(sources(fixtures_dir / path)):
        ran = run("process", source, f"ocidir://{tmp_path}/out:n{number}", "--all-platforms", "--verify-full")
        assert ran.code == 0, ran.err
        assert ran.err.endswith("verified OK\n")
        assert TAKEN_WITH_A_NOTE.get(path, "") in ran.err


@pytest.mark.parametrize("path", paths(valid=True))
def test_a_valid_image_fits_into_an_archive(run: Run, fixtures_dir: Path, tmp_path: Path, path: str) -> None:
    """Unless there is nothing in it that docker could load, or no linux/amd64 among several."""
    for source in sources(fixtures_dir / path):
        ran = run("process", source, f"tar://{tmp_path}/out.tar", "--verify-full")
        if ran.code:
            not_for_docker = "holds image layers only" in ran.err and (path in ARTIFACTS or "regclient" in path)
            assert not_for_docker or "no image for linux/amd64" in ran.err, ran.err
            assert ran.err.count("\n") == 1
            continue
        seen = witness.in_archive(tmp_path / "out.tar")
        assert seen.is_consistent
        assert path not in ARTIFACTS


@pytest.mark.parametrize("path", paths(valid=False))
@pytest.mark.parametrize("destination", ["ocidir://{}/out:v1", "tar://{}/out.tar"], ids=["ocidir", "tar"])
def test_a_defective_image_is_not_called_right(
    run: Run, fixtures_dir: Path, tmp_path: Path, path: str, destination: str
) -> None:
    """One of several images in a layout may be whole: at least one is not."""
    several = ("--all-platforms",) if destination.startswith("ocidir") else ()
    codes = set()
    for source in sources(fixtures_dir / path):
        ran = run("process", source, destination.format(tmp_path), "--verify-full", *several)
        codes.add(ran.code)
        assert ran.code in (0, 1, 3)
        assert "internal error" not in ran.err
        if ran.code == 3:
            assert ran.err.startswith("Error: source: ")
            assert ran.err.count("\n") == 1
        assert REFUSED_WITH_REASON.get(path, "") in ran.err or "no image for linux/amd64" in ran.err
    assert codes & {1, 3}


NORMALIZE = ("-f", "normalize-timestamps:ts=1000000000")


@pytest.mark.parametrize("path", layer_tars("accept"))
def test_a_layer_that_go_reads_is_filtered(run: Run, fixtures_dir: Path, tmp_path: Path, path: str) -> None:
    """Twice, because a normalized layer has nothing left to normalize."""
    tar = witness.unpacked(read(fixtures_dir / path))
    ran = run(
        "process",
        write_layout(tmp_path / "in", build_image([tar])),
        f"tar://{tmp_path}/a.tar",
        *NORMALIZE,
        "--verify-full",
    )
    assert ran.code == 0, ran.err
    once = witness.in_archive(tmp_path / "a.tar")
    assert once.is_consistent
    ran = run("process", f"tar://{tmp_path}/a.tar", f"tar://{tmp_path}/b.tar", *NORMALIZE)
    assert ran.code == 0, ran.err
    assert witness.in_archive(tmp_path / "b.tar") == once


@pytest.mark.parametrize("path", layer_tars("reject"))
def test_a_layer_that_go_refuses_is_refused(run: Run, fixtures_dir: Path, tmp_path: Path, path: str) -> None:
    source = write_layout(tmp_path / "in", build_image([witness.unpacked(read(fixtures_dir / path))]))
    ran = run("process", source, f"tar://{tmp_path}/a.tar", *NORMALIZE)
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert ran.err.startswith("Error: source: layer 1 (sha256:")
    assert not (tmp_path / "a.tar").exists()


def read(path: Path) -> bytes:
    import bz2

    raw = path.read_bytes()
    return bz2.decompress(raw) if raw[:3] == b"BZh" else raw

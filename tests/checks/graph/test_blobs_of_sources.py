"""`--fast` and the blobs of real sources: asked for, never read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.testing.build import build_image, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.checks.command import run_here
from tests.end_to_end.images import write_layout

IMAGE = build_image([layer_tar(("a", "1")), layer_tar(("b", "2"))])
LOST = IMAGE.layers[1].descriptor.digest


def missing(uri: str, *options: str) -> tuple[int, list[str]]:
    ran = run_here("check", "--fast", uri, "-O", "json", *options)
    results = json.loads(ran.stdout)["results"]
    return ran.returncode, [each["message"] for each in results if each["check"] == "blob-missing"]


def test_a_layout_that_lacks_a_layer(tmp_path: Path) -> None:
    uri = write_layout(tmp_path / "image", IMAGE)
    assert missing(uri) == (0, [])
    (tmp_path / "image" / "blobs" / "sha256" / LOST.hex).unlink()
    assert missing(uri) == (1, [f"the source has no blob {LOST}"])


def test_a_registry_that_lacks_a_layer_is_asked_by_head() -> None:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "library/thing", "v1")
        uri = f"registry://{registry.host}/library/thing:v1"
        assert missing(uri, "--insecure") == (0, [])
        layers = [each for each in registry.requests if str(LOST) in each.path]
        assert [each.method for each in layers] == ["HEAD"]


def test_a_registry_that_lost_a_layer() -> None:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "library/thing", "v1")
        del registry.store.repository("library/thing").blobs[str(LOST)]
        found = missing(f"registry://{registry.host}/library/thing:v1", "--insecure")
    assert found == (1, [f"the source has no blob {LOST}"])


def served(*faults: Fault, options: tuple[str, ...] = ("--fast",)) -> tuple[int, dict[str, Any], str]:
    with EmbeddedRegistry() as registry:
        registry.add(IMAGE, "library/thing", "v1")
        for fault in faults:
            registry.fail(fault)
        uri = f"registry://{registry.host}/library/thing:v1"
        ran = run_here("check", uri, "-O", "json", "--insecure", "--retries", "0", *options)
    return ran.returncode, json.loads(ran.stdout), ran.stderr


def told(report: dict[str, Any], rule: str) -> list[str]:
    return [each["message"] for each in report["results"] if each["check"] == rule]


@pytest.mark.parametrize("status", [405, 500, 403])
def test_a_registry_that_answers_no_head_makes_no_image_broken(status: int) -> None:
    code, report, _ = served(Fault("HEAD", "/blobs/", times=None, status=status), options=())
    assert (code, report["errors"], report["unchecked"]) == (0, 0, [])
    code, report, stderr = served(Fault("HEAD", "/blobs/", times=None, status=status))
    assert (code, report["errors"]) == (3, 0)
    assert str(status) in report["unchecked"][0]
    assert "not checked" in stderr.lower()


def test_a_question_that_failed_keeps_no_missing_blob_unseen() -> None:
    first = str(IMAGE.layers[0].descriptor.digest)
    _, report, _ = served(Fault("HEAD", first, times=None, status=500), Fault("HEAD", str(LOST), status=404))
    assert told(report, "blob-missing") == [f"the source has no blob {LOST}"]


def test_a_blob_of_another_length_is_told_by_head_alone() -> None:
    code, report, _ = served(Fault("HEAD", str(LOST), headers={"Content-Length": "5"}))
    size = IMAGE.layers[1].descriptor.size
    assert (code, told(report, "blob-missing")) == (
        1,
        [f"the source has 5 bytes as {LOST}, its descriptor says {size}"],
    )


def test_a_folder_in_the_place_of_a_blob_is_one_finding(tmp_path: Path) -> None:
    uri = write_layout(tmp_path / "image", IMAGE)
    blob = tmp_path / "image" / "blobs" / "sha256" / LOST.hex
    blob.unlink()
    blob.mkdir()
    for options in ((), ("--fast",)):
        ran = run_here("check", uri, "-O", "json", *options)
        errors = [each["check"] for each in json.loads(ran.stdout)["results"] if each["severity"] == "error"]
        assert (ran.returncode, errors) == (1, ["blob-missing"])

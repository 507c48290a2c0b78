"""SARIF reports, held to the schema of SARIF 2.1.0."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest

from occystrap_core.cli.reports import render
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.model.image import ImageName
from occystrap_core.testing.build import build_image, build_index, file, layer_tar
from tests import peers
from tests.checks.rules import outcome, rules
from tests.end_to_end.test_fixture_images import expectations, sources
from tests.reports.test_reports import LAYERS, report

SCHEMA_PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
SCHEMA_PACKAGE_SHA512 = (
    "0357ce84f77a21ce620e4e05f583f0d6a341e1717eefe22f891ef197caf617a4"
    "33424c7972963d2ec1a4dab1318852047016e3a559d29b058606e9004a4890f4"
)
SCHEMA = "package/lib/schemas/sarif-2.1.0-rtm.5.json"


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> jsonschema.Draft4Validator:
    """The schema, from a package on npm that carries it."""
    peers.require("npm")
    folder = tmp_path_factory.mktemp("schema")
    command = ["npm", "pack", "--silent", "--prefer-offline", SCHEMA_PACKAGE]
    try:
        packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not get {SCHEMA_PACKAGE} in time")
    if packed.returncode:
        pytest.skip(f"npm cannot get {SCHEMA_PACKAGE}: {packed.stderr[-200:]}")
    archive = (folder / packed.stdout.strip()).read_bytes()
    assert hashlib.sha512(archive).hexdigest() == SCHEMA_PACKAGE_SHA512
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        found = files.extractfile(SCHEMA)
        assert found is not None
        return jsonschema.Draft4Validator(json.load(found))


def reported(source: str, what: Any, **how: Any) -> dict[str, Any]:
    """What `check -O sarif` prints of an image, judged by all rules."""
    name = ImageName("thing", "v1")
    asked = {spec.name: spec for spec, _ in rules()}
    text = render(CheckReport(source, name, False, outcome(what, **how), asked), "sarif")
    shown: dict[str, Any] = json.loads(text)
    return shown


def faults(validator: jsonschema.Draft4Validator, shown: dict[str, Any]) -> list[str]:
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator.iter_errors(shown)]


def test_the_schema_refuses_what_is_wrong(validator: jsonschema.Draft4Validator) -> None:
    shown = json.loads(render(report(), "sarif"))
    shown["runs"][0]["results"][0]["level"] = "grave"
    assert len(faults(validator, shown)) == 1


def test_a_report_of_an_evil_image_is_valid(validator: jsonschema.Draft4Validator) -> None:
    shown = json.loads(render(report(), "sarif"))
    assert len(shown["runs"][0]["results"]) == 2
    assert not faults(validator, shown)


def test_reports_of_an_index_and_of_an_image_with_all_rules_are_valid(validator: jsonschema.Draft4Validator) -> None:
    for made in (build_index([build_image(LAYERS), build_image(LAYERS[:1])]), build_image(LAYERS), build_image([])):
        assert not faults(validator, reported("ocidir://images:thing", made))


def fixture_uris() -> list[str]:
    images = [line["path"] for line in expectations() if line["kind"] != "layer-tar"]
    return images[::4]


@pytest.mark.parametrize("path", fixture_uris())
def test_reports_of_real_images_are_valid(validator: jsonschema.Draft4Validator, fixtures_dir: Path, path: str) -> None:
    for shown in printed(fixtures_dir / path):
        assert not faults(validator, shown)


def printed(path: Path) -> Iterator[dict[str, Any]]:
    for uri in sources(path)[:2]:
        done = peers.run_cli("check", uri, "--all-platforms", "-O", "sarif")
        assert done.returncode in (0, 1, 3), done.stderr
        if done.returncode != 3:
            yield json.loads(done.stdout)


def test_that_all_is_well_is_no_alert() -> None:
    [run] = reported("tar://a.tar", build_image(LAYERS))["runs"]
    kinds = {each["ruleId"]: (each.get("kind", "fail"), each["level"]) for each in run["results"]}
    assert kinds["diff-id"] == ("informational", "none")
    assert kinds["wh-target-missing"] == ("fail", "note")


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("tar://app.tar", "app.tar"),
        ("tar:///srv/images/app 1.tar", "srv/images/app%201.tar"),
        ("registry://docker.io/library/busybox:1.36", "docker.io/library/busybox:1.36"),
        ("registry://127.0.0.1:5000/app:v1", "127.0.0.1%3A5000/app:v1"),
        ("ocidir://images:app", "images%3Aapp"),
        ("tar://-", "-"),
    ],
)
def test_places_are_paths_without_a_scheme_as_code_scanning_wants_them(source: str, path: str) -> None:
    shown = reported(source, build_image(LAYERS))
    [run] = shown["runs"]
    places = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in run["results"]}
    assert places == {path}
    assert not urlsplit(path).scheme
    assert run["properties"]["source"] == source


def test_files_are_results_each() -> None:
    """So that each can be seen to, or dismissed, by itself."""
    tar = layer_tar(*(file(f"bin/{number}", mode=0o4755) for number in range(30)))
    [run] = reported("ocidir://x", build_image([tar]))["runs"]
    found = [each for each in run["results"] if each["ruleId"] == "setuid"]
    entries = [each["locations"][0]["logicalLocations"][-1]["name"] for each in found]
    assert entries == [f"bin/{number}" for number in range(30)]
    assert len({each["partialFingerprints"]["occystrap/v1"] for each in found}) == 30

"""What the rules about documents say of images that other tools made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from occystrap_core.contracts import Address, Settings
from occystrap_core.contracts.check import CheckContext
from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.progress import Silent
from occystrap_core.contracts.settings import DEFAULT_PLATFORM
from occystrap_core.engine.check import CheckRequest, check
from occystrap_core.engine.selection import Selection
from occystrap_core.model.errors import InvalidImage
from occystrap_inputs.ocidir.input import LayoutInput
from occystrap_inputs.ocidir.plugin import LayoutInputOptions
from occystrap_inputs.tar.input import open_input as open_tar
from occystrap_inputs.tar.plugin import TarInputOptions
from tests import peers
from tests.checks.broken import document_rules
from tests.checks.rules import NOW, rules

LIBS = "containers+container-libs"
GGCR = "google+go-containerregistry/pkg/v1"
BAZEL = "bazelbuild+rules_docker/container/go/pkg/oci/testdata"

ERRORS = {
    f"{BAZEL}/test_index3": {"blob-missing"},
    f"{BAZEL}/test_index4": {"blob-missing"},
    f"{BAZEL}/test_index5": {"blob-unreadable"},
    f"{LIBS}/common/pkg/manifests/testdata/artifacts/config-only": {"config-size"},
    f"{LIBS}/image/oci/layout/fixtures/delete_image_multiple_images": {"config-size"},
    f"{LIBS}/image/oci/layout/fixtures/delete_image_only_one_image": {"config-size"},
    f"{LIBS}/image/oci/layout/fixtures/delete_image_shared_blobs_dir": {"blob-missing"},
    f"{GGCR}/layout/testdata/test_gc_image_unknown_mediatype": {"blob-missing"},
    f"{GGCR}/layout/testdata/test_gc_index": {"media-type-field"},
    f"{GGCR}/layout/testdata/test_index": {"media-type-field"},
    f"{GGCR}/mutate/testdata/source_image_with_empty_layer_history.tar": {"config-digest"},
}
"""Errors by image; every other that can be opened has none."""

WARNINGS = {
    "args-escaped": "dive's and docker's images were built with a CMD in shell form",
    "entrypoint-not-found": "apko names a shell and jib a java that these bare images do not have",
    "zstd-compat": "one is compressed with zstd",
    "index-mixed-media-types": "a list that is Docker's by the word of the layout's index alone lists OCI manifests",
    "config-descriptor": "one artifact has no config, not even the empty one",
}


WARNINGS_OF_LAYERS = {"empty-password": "root has none in the busybox of dive's image"}


def _paths(expect: str = "") -> list[str]:
    try:
        lines = (peers.fixtures_directory() / "EXPECTED.jsonl").read_text().splitlines()
    except (pytest.skip.Exception, pytest.fail.Exception):
        return []
    return [
        line["path"]
        for line in map(json.loads, lines)
        if line["kind"] != "layer-tar" and expect in ("", line["expect"])
    ]


def _opened(path: Path) -> Iterator[Input]:
    settings = Settings(as_found=True)
    if not path.is_dir():
        yield open_tar(Address.parse(f"tar://{path}"), TarInputOptions(), settings)
        return
    listed: Any = json.loads((path / "index.json").read_bytes())["manifests"] if (path / "index.json").exists() else []
    for digest in dict.fromkeys(entry["digest"] for entry in listed):
        yield LayoutInput(Address.parse(f"ocidir://{path}@{digest}"), LayoutInputOptions(), settings)


def _findings(path: Path) -> list[Finding]:
    found: list[Finding] = []
    for source in _opened(path):
        everything = Selection((DEFAULT_PLATFORM,), True)
        request = CheckRequest(source, document_rules(), everything, Settings(), Silent(), CheckContext(now=NOW + 1e9))
        found += check(request).findings
        source.close()
    return found


def _judged(path: Path) -> list[Finding]:
    """By all rules, layers and all."""
    everything, context = Selection((DEFAULT_PLATFORM,), True), CheckContext(now=NOW + 1e9)
    found: list[Finding] = []
    for source in _opened(path):
        found += check(CheckRequest(source, rules(), everything, Settings(), Silent(), context)).findings
        source.close()
    return found


def test_there_are_fixtures(fixtures_dir: Path) -> None:
    assert len(_paths()) == 60


@pytest.mark.parametrize("path", _paths())
def test_errors_are_found_where_they_are_and_nowhere_else(fixtures_dir: Path, path: str) -> None:
    try:
        found = _findings(fixtures_dir / path)
    except InvalidImage as error:
        assert path not in ERRORS, error
        return
    assert {each.check for each in found if each.severity is Severity.ERROR} == ERRORS.get(path, set())
    assert {each.check for each in found if each.severity is Severity.WARNING} <= set(WARNINGS)
    assert all(each.message.isprintable() for each in found)


@pytest.mark.parametrize("path", _paths(expect="valid"))
def test_what_is_valid_has_no_error_and_no_warning_without_a_reason(fixtures_dir: Path, path: str) -> None:
    found = _judged(fixtures_dir / path)
    assert not [each for each in found if each.severity is Severity.ERROR]
    assert {each.check for each in found if each.severity is Severity.WARNING} <= {*WARNINGS, *WARNINGS_OF_LAYERS}

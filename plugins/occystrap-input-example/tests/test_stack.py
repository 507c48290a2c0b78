"""The source by itself, and as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from occystrap_input_example.input import StackInput
from occystrap_input_example.plugin import StackOptions

from occystrap_core.contracts import Address, Settings
from occystrap_core.model.errors import NotFound, UsageError
from occystrap_core.testing.conformance import check_input, check_plugin


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "app/10-base/etc").mkdir(parents=True)
    (tmp_path / "app/10-base/etc/motd").write_text("hello\n")
    (tmp_path / "app/10-base/bin").symlink_to("usr/bin")
    (tmp_path / "app/20-site/srv").mkdir(parents=True)
    (tmp_path / "app/20-site/srv/page").write_bytes(b"0123456789" * 99_999)
    (tmp_path / "app/README").write_text("not a layer")
    return tmp_path / "app"


def open_stack(folder: Path) -> StackInput:
    return StackInput(Address.parse(f"stack://{folder}"), StackOptions(), Settings())


def test_the_plugin_keeps_the_rules() -> None:
    [spec] = check_plugin("occystrap_input_example.plugin")
    assert spec.name == "stack"


def test_the_contract_is_kept(stack: Path) -> None:
    check_input(lambda: open_stack(stack), untouched=stack)


def test_two_equal_folders_are_two_layers(stack: Path) -> None:
    (stack / "30-more").mkdir()
    (stack / "40-more").mkdir()
    source = open_stack(stack)
    layers = json.loads(source.document(source.root()))["layers"]
    assert len(layers) == 4
    assert layers[2] == layers[3]


def test_what_cannot_be_an_image_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not a folder"):
        open_stack(tmp_path / "missing")
    with pytest.raises(UsageError, match="has no folder in it"):
        open_stack(tmp_path)


def test_it_is_installed_and_runs_in_a_process(stack: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "occystrap_core", "process", f"stack://{stack}?platform=linux/arm64",
         f"ocidir://{tmp_path}/images:app", "--verify-full", "--platform", "linux/arm64", "-O", "json"],
        capture_output=True, check=True,
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert (result["name"], result["images"][0]["platform"], result["notes"]) == ("images:app", "linux/arm64", [])
    assert result["verification"] == {"depth": "full", "errors": 0, "warnings": 0, "findings": []}

"""The destination by itself, and as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from occystrap_output_example.input import ZipInput
from occystrap_output_example.output import ZipOutput
from occystrap_output_example.plugin import ZipOptions

from occystrap_core.contracts import Address, OutputContext, Settings
from occystrap_core.contracts.specs import NoOptions
from occystrap_core.model.errors import InvalidImage, NotFound
from occystrap_core.model.image import ImageName
from occystrap_core.testing.conformance import check_input, check_output, check_plugin


def open_output(path: Path, comment: str = "") -> ZipOutput:
    context = OutputContext(Settings(), ImageName("sample"))
    return ZipOutput(Address.parse(f"zip://{path}"), ZipOptions(comment), context)


def open_input(uri: str) -> ZipInput:
    return ZipInput(Address.parse(uri), NoOptions(), Settings())


def test_the_plugin_keeps_the_rules() -> None:
    assert [spec.name for spec in check_plugin("occystrap_output_example.plugin")] == ["zip", "zip"]


def test_the_contract_of_outputs_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "image.zip"
    check_output(
        lambda: open_output(path),
        reopen=lambda receipt: open_input(receipt.uri),
        visible=lambda: path.read_bytes() if path.exists() else None,
        stored=lambda: sorted(tmp_path.iterdir()),
    )


def process(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "occystrap_core", "process", *arguments], check=True, capture_output=True)


def test_the_contract_of_inputs_is_kept(tmp_path: Path) -> None:
    process("sample://demo", f"zip://{tmp_path}/image.zip")
    check_input(lambda: open_input(f"zip://{tmp_path}/image.zip"), untouched=tmp_path)


def test_equal_images_are_equal_files_whatever_came_first(tmp_path: Path) -> None:
    for number in ("1", "4"):
        process("sample://demo?layers=5", f"zip://{tmp_path}/{number}.zip", "--parallel", number)
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "4.zip").read_bytes()


def test_other_programs_read_it(tmp_path: Path) -> None:
    process("sample://demo", f"zip://{tmp_path}/image.zip?comment=from%20here")
    with zipfile.ZipFile(tmp_path / "image.zip") as archive:
        assert archive.testzip() is None
        assert archive.comment == b"from here"
        assert json.loads(archive.read("oci-layout")) == {"imageLayoutVersion": "1.0.0"}


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        open_input(f"zip://{tmp_path}/none.zip")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(InvalidImage, match="is no zip file"):
        open_input(f"zip://{tmp_path}/text.zip")
    with pytest.raises(NotFound, match="there is no folder"):
        open_output(tmp_path / "nowhere" / "image.zip")

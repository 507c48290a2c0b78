"""The verifier by itself, and as a user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from occystrap_verifier_example.verifier import VARIABLE


def process(tmp_path: Path, required: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "occystrap_core", "process", "sample://", f"tar://{tmp_path}/out.tar", "-O", "json"],
        capture_output=True,
        env={**os.environ, VARIABLE: required},
    )
    return done.returncode, json.loads(done.stdout)["verification"]


def test_a_missing_label_fails_the_run(tmp_path: Path) -> None:
    code, verification = process(tmp_path, "com.acme.team")
    assert code == 1
    assert [each["message"] for each in verification["findings"]] == ["the image has no label com.acme.team"]


def test_an_image_that_has_what_is_asked_for_passes(tmp_path: Path) -> None:
    assert process(tmp_path, "") == (0, {"depth": "quick", "errors": 0, "warnings": 0, "findings": []})


@pytest.mark.parametrize("scheme", ["tar", "ocidir", "dir"])
def test_it_answers_for_every_destination(scheme: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "occystrap_core", "process", "sample://", f"{scheme}://{tmp_path}/out"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "  the image has no label org.opencontainers.image.source\n" in done.stderr

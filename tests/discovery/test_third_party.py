"""The example plugins, installed from their own folders without a network, pass their own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = {
    "occystrap-output-example": ("outputs", "zip"),
    "occystrap-check-example": ("checks", "log-files"),
    "occystrap-filter-example": ("filters", "drop-devices"),
    "occystrap-input-example": ("inputs", "stack"),
    "occystrap-verifier-example": ("verifiers", "required-labels"),
}


def run(*command: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=sorted(EXAMPLES))
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Mapping[str, str]]:
    """A plugin's name, and the environment in which it is installed."""
    target = tmp_path_factory.mktemp("target")
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run("pip", "install", "-q", *offline, "--target", target, ROOT / "plugins" / request.param)
    return request.param, {"PYTHONPATH": f"{target}{os.pathsep}{ROOT}"}


def test_it_is_listed_with_its_owner(installed: tuple[str, Mapping[str, str]]) -> None:
    name, env = installed
    rows = json.loads(run("occystrap_core", "plugins", "list", "-O", "json", env=env))["plugins"]
    rows = [row for row in rows if row["distribution"] == name]
    assert EXAMPLES[name] in {(row["kind"], row["name"]) for row in rows}
    assert {(row["version"], row["state"], row["built_in"]) for row in rows} == {("1.0.0", "active", False)}


def test_it_describes_itself(installed: tuple[str, Mapping[str, str]]) -> None:
    name, env = installed
    shown = run("occystrap_core", "plugins", "info", EXAMPLES[name][1], "-O", "json", env=env)
    for described in json.loads(shown)["plugins"]:
        assert described["summary"]
        assert described["distribution"] == name


def test_it_is_gone_without_plugins(installed: tuple[str, Mapping[str, str]]) -> None:
    name, env = installed
    rows = json.loads(run("occystrap_core", "plugins", "list", "-O", "json", "--no-plugins", env=env))["plugins"]
    assert {row["state"] for row in rows if row["distribution"] == name} == {"blocked"}


def test_its_own_tests_pass(installed: tuple[str, Mapping[str, str]]) -> None:
    name, env = installed
    output = run("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", env=env, cwd=ROOT / "plugins" / name)
    assert " passed" in output

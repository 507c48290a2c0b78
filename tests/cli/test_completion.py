"""Completion: scripts that shells accept, and suggestions from the index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.cli.conftest import Run, Site


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(shell: str, run: Run) -> None:
    ran = run("completion", shell)
    assert ran.code == 0
    assert f"_OCCYSTRAP_COMPLETE={shell}_complete" in ran.out
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=ran.out, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")


def suggestions(words: str, env: Mapping[str, str] | None = None) -> list[str]:
    """What bash is told for these words, the last one being typed."""
    asked = {"_OCCYSTRAP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "occystrap_core"],
        env={**os.environ, **asked, **(env or {})},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("occystrap pro", ["process"]),
        ("occystrap plugins ", ["info", "list"]),
        ("occystrap process sam", ["sample://"]),
        ("occystrap process sample:// oci", ["oci://", "ocidir://"]),
        ("occystrap process -f norm", ["normalize-timestamps"]),
        ("occystrap process --all-pl", ["--all-platforms"]),
        ("occystrap --compression z", ["zstd"]),
        ("occystrap nope ", []),
    ],
)
def test_what_is_suggested(words: str, expected: list[str]) -> None:
    found = suggestions(words)
    assert [name for name in found if name in expected] == expected
    assert len(found) == len(expected)


def test_plugins_complete_without_being_imported(site: Site) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme_gone"}})
    assert suggestions("occystrap process -f rev", {"PYTHONPATH": str(site.folder)}) == ["reverse"]

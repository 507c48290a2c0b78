"""The peers themselves: they start empty, take an image, and are gone afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests import peers


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        parsed: dict[str, object] = json.load(answer)
        return parsed


def test_the_registry_answers_and_gives_every_test_its_own_repository(registry):
    assert get(f"{registry.url}/v2/") == {}
    assert registry.fresh("a") != registry.fresh("a")


def test_a_second_registry_may_ask_for_a_login(tmp_path):
    passwords = tmp_path / "htpasswd"
    passwords.write_text("")
    with (
        peers.running_registry(tmp_path, f"auth: {{htpasswd: {{realm: test, path: {passwords}}}}}") as private,
        pytest.raises(urllib.request.HTTPError) as refused,
    ):
        get(f"{private.url}/v2/")
    assert refused.value.code == 401
    refused.value.close()
    with pytest.raises(OSError):
        get(f"{private.url}/v2/")


def test_a_server_that_cannot_start_says_why(tmp_path, registry):
    with (
        pytest.raises(peers.NotReady, match="error parsing"),
        peers.running_registry(tmp_path, "nonsense: [") as _,
    ):
        pytest.fail("it started")


def test_podman_has_a_storage_of_its_own(podman):
    assert podman.run("images", "--quiet") == ""


def test_dockerd_has_a_storage_of_its_own(dockerd):
    root = Path(dockerd.run("info", "--format", "{{.DockerRootDir}}").strip())
    assert root == dockerd.socket.parent / "data"


def test_the_fixtures_are_indexed(fixtures_dir):
    first = json.loads((fixtures_dir / "EXPECTED.jsonl").read_text().splitlines()[0])
    assert {"path", "kind", "expect"} <= set(first)


@pytest.mark.parametrize(("forbidden", "outcome"), [("", "1 skipped"), ("1", "1 error")])
def test_a_missing_peer_skips_or_fails_as_told(tmp_path, forbidden, outcome):
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.peer('no-such-tool')\ndef test_it():\n    raise AssertionError('not reached')\n"
    )
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", "-o", "markers=peer", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OCCYSTRAP_REQUIRE_PEERS": forbidden, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert outcome in done.stdout
    assert "no-such-tool is not installed" in done.stdout


def test_an_optional_peer_is_never_demanded(monkeypatch):
    monkeypatch.setenv("OCCYSTRAP_REQUIRE_PEERS", "1")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.skip.Exception, match="crane is not installed"):
        peers.require("crane")

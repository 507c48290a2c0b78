"""The twelve commands of earlier versions still work, and say what they are called now."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from occystrap_core.cli.old_commands import _OLD

REMOTE = {"registry": "host:5000", "image": "team/app", "tag": "v1"}
LOCAL = {"image": "app", "tag": "v1", "socket": ""}
NO_TIMES = {"normalize_timestamps": False, "timestamp": 0}
PLAIN = {"use_unique_names": False, "expand": False}
MATCH = {"pattern": "*.conf", "regex": False, "script_friendly": False}


@pytest.mark.parametrize(
    ("name", "given", "command", "words"),
    [
        ("fetch-to-tarfile", REMOTE | NO_TIMES | {"tarfile": "a.tar"}, "process",
         ("registry://host:5000/team/app:v1", "tar://a.tar")),
        ("fetch-to-tarfile", REMOTE | {"normalize_timestamps": True, "timestamp": 7, "tarfile": "/x/a?.tar"}, "process",
         ("registry://host:5000/team/app:v1", "tar:///x/a%3F.tar", "-f", "normalize-timestamps:ts=7")),
        ("fetch-to-extracted", REMOTE | {"use_unique_names": True, "expand": True, "path": "out"}, "process",
         ("registry://host:5000/team/app:v1", "dir://out?unique_names=true&expand=true")),
        ("fetch-to-oci", REMOTE | {"path": "b"}, "process", ("registry://host:5000/team/app:v1", "oci://b")),
        ("fetch-to-mounts", REMOTE | {"path": "m"}, "process", ("registry://host:5000/team/app:v1", "mounts://m")),
        ("tarfile-to-extracted", PLAIN | {"tarfile": "a b.tar", "path": "out"}, "process", ("tar://a b.tar", "dir://out")),
        ("docker-to-tarfile", LOCAL | NO_TIMES | {"tarfile": "a.tar"}, "process", ("docker://app:v1", "tar://a.tar")),
        ("docker-to-extracted", LOCAL | PLAIN | {"path": "out", "socket": "/run/p.sock"}, "process",
         ("docker://app:v1?socket=/run/p.sock", "dir://out")),
        ("docker-to-oci", LOCAL | {"path": "b"}, "process", ("docker://app:v1", "oci://b")),
        ("docker-to-oci", LOCAL | {"path": "b", "socket": "/var/run/docker.sock"}, "process",
         ("docker://app:v1?socket=/var/run/docker.sock", "oci://b")),
        ("search-layers", REMOTE | MATCH, "search", ("registry://host:5000/team/app:v1", "--", "*.conf")),
        ("search-layers-docker", LOCAL | MATCH | {"regex": True, "script_friendly": True}, "search",
         ("docker://app:v1", "--regex", "--script-friendly", "--", "*.conf")),
        ("search-layers-tarfile", MATCH | {"tarfile": "a.tar", "pattern": "-x"}, "search", ("tar://a.tar", "--", "-x")),
        ("recreate-image", REMOTE | NO_TIMES | {"path": "out", "tarfile": "a.tar"}, "process",
         ("dir://out?ref=team/app:v1", "tar://a.tar")),
    ],
)  # fmt: skip
def test_each_says_the_same_in_new_words(name: str, given: dict, command: str, words: tuple[str, ...]) -> None:
    assert (_OLD[name].command, _OLD[name].words(given)) == (command, words)


def occystrap(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "occystrap_core", *words], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_a_script_of_earlier_days_still_runs(tmp_path: Path) -> None:
    assert occystrap("process", "sample://team/app", "tar://a.tar?name=team/app:v1", cwd=tmp_path).returncode == 0
    done = occystrap("tarfile-to-extracted", "a.tar", "out", "--use-unique-names", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "occystrap process tar://a.tar 'dir://out?unique_names=true'\n" in done.stderr
    assert (tmp_path / "out" / "catalog.json").exists()
    done = occystrap("recreate-image", "out", "team/app", "v1", "again.tar", "--normalize-timestamps", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again.tar").exists()


def test_global_options_are_taken_and_errors_are_those_of_the_new_command(tmp_path: Path) -> None:
    done = occystrap("--quiet", "tarfile-to-extracted", "missing.tar", "out", "--no-verify", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("Error: source: missing.tar does not exist")
    assert occystrap("fetch-to-oci", "only-one", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", "", ""),
        ("--os linux --architecture amd64", "--insecure", "--os linux --architecture amd64 --insecure "),
        ("-q --os windows", "--os linux", "--quiet --os linux "),
        ("--platform linux/amd64", "--platform linux/386", "--platform linux/amd64 --platform linux/386 "),
        ("-j 2 --rate-limit 0.5 --no-verify", "", "--parallel 2 --rate-limit 0.5 --no-verify "),
        ("--temp-dir 'a b'", "--verify --verify-full", "--temp-dir 'a b' --verify --verify-full "),
        ("--username me --password secret", "", "--username me --password '…' "),
    ],
)  # fmt: skip
def test_the_new_form_has_the_global_options_and_no_password(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    (tmp_path / "a b").mkdir()
    words = [*shlex.split(before), "tarfile-to-extracted", "a.tar", "out", *shlex.split(after)]
    done = occystrap(*words, cwd=tmp_path)
    assert f"  occystrap {told}process tar://a.tar dir://out\n" in done.stderr
    assert "secret" not in done.stderr


def test_what_the_environment_says_is_said_there_for_the_new_form_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("OCCYSTRAP_PARALLEL", "2")
    monkeypatch.setenv("OCCYSTRAP_PASSWORD", "secret")
    done = occystrap("search-layers-tarfile", "a.tar", "x", cwd=tmp_path)
    assert "  occystrap search tar://a.tar -- x\n" in done.stderr

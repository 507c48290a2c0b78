"""Where credentials come from: docker's and podman's files and helpers."""

from __future__ import annotations

import json
import logging
import os
from base64 import b64encode
from pathlib import Path

import pytest

from occystrap_core.kit.distribution import credential_helper
from occystrap_core.kit.distribution.credentials import Credentials, stored_credentials
from occystrap_core.model.errors import OccystrapError, UsageError
from occystrap_core.model.reference import Reference

CONTAINER_LIBS = "containers+container-libs/image/pkg/docker/config/testdata"
JIB = "GoogleContainerTools+jib/jib-core/src/test/resources/core/json"


def found(name: str) -> Credentials | None:
    return stored_credentials(Reference.parse(name))


def user_and_password(name: str) -> tuple[str, str] | None:
    credentials = found(name)
    return (credentials.username, credentials.password) if credentials else None


def entry(username: str, password: str) -> dict[str, str]:
    return {"auth": b64encode(f"{username}:{password}".encode()).decode()}


@pytest.fixture
def auth_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "auth.json"
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(path))
    return path


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def helper(directory: Path, name: str, script: str) -> None:
    directory.mkdir(exist_ok=True)
    program = directory / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "bin"
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return directory


def test_nothing_stored_is_nothing_found() -> None:
    assert found("quay.io/a/b") is None


def test_the_longest_name_wins(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(fixtures_dir / CONTAINER_LIBS / "refpath.json"))
    assert user_and_password("example.org/repo") == ("example", "org")
    assert user_and_password("example.org/repo/image") == ("example", "org")
    assert user_and_password("example.org/report") == ("local", "host")
    assert user_and_password("vendor/x") == ("first", "level")
    assert user_and_password("busybox") == ("library", "busybox")
    assert user_and_password("alpine") == ("library", "other")
    assert user_and_password("else/x") == ("top", "level")
    assert user_and_password("example.org.evil.com/repo") is None


def test_hosts_match_exactly_ports_included(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(fixtures_dir / CONTAINER_LIBS / "full.json"))
    assert user_and_password("localhost/x") == ("local", "host")
    assert user_and_password("localhost:5000/x") == ("local", "host-5000")
    assert user_and_password("localhost:5001/x") is None
    assert user_and_password("10.10.30.45:5000/x") == ("10.10", "30.45-5000")
    assert user_and_password("normalize.example.org/x") == ("normalize", "example")
    assert user_and_password("busybox") == ("docker", "io")


def test_keys_may_be_urls_of_old(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(fixtures_dir / CONTAINER_LIBS / "abnormal.json"))
    assert user_and_password("busybox") == ("index", "docker.io")
    assert user_and_password("127.0.0.1:5000/x") == ("127.0", "0.1-5000")
    assert user_and_password("localhost:5001/x") == ("local", "host-5001")


def test_an_identity_token_stands_for_user_and_password(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(fixtures_dir / CONTAINER_LIBS / "example_identitytoken.json"))
    credentials = found("example.org/x")
    assert credentials and credentials.identity_token == "some very long identity token"
    assert "some very long" not in repr(credentials)


def test_dockers_config_in_its_own_place(no_stored_credentials: Path) -> None:
    write(no_stored_credentials / ".docker/config.json", {"auths": {"quay.io": entry("u", "p:with:colons")}})
    assert user_and_password("quay.io/a") == ("u", "p:with:colons")


def test_docker_config_names_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "d"))
    write(tmp_path / "d/config.json", {"auths": {"quay.io": entry("u", "p")}})
    assert user_and_password("quay.io/a") == ("u", "p")


def test_podmans_login_comes_before_dockers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_stored_credentials: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    write(no_stored_credentials / ".docker/config.json", {"auths": {"quay.io": entry("docker", "p")}})
    write(no_stored_credentials / ".config/containers/auth.json", {"auths": {"quay.io": entry("config", "p")}})
    assert user_and_password("quay.io/a") == ("config", "p")
    write(tmp_path / "run/containers/auth.json", {"auths": {"quay.io": entry("runtime", "p")}})
    assert user_and_password("quay.io/a") == ("runtime", "p")


def test_an_explicit_file_is_the_only_one(auth_file: Path, no_stored_credentials: Path) -> None:
    write(no_stored_credentials / ".docker/config.json", {"auths": {"quay.io": entry("docker", "p")}})
    write(auth_file, {"auths": {}})
    assert found("quay.io/a") is None


@pytest.mark.parametrize("content", ["{", "[]", '{"auths": []}', '{"auths": {"a": 1, "a": 2}}'])
def test_a_broken_file_is_named(auth_file: Path, content: str) -> None:
    auth_file.write_text(content)
    with pytest.raises(OccystrapError, match=r"auth\.json"):
        found("quay.io/a")


@pytest.mark.parametrize("auth", ["!!!", "dG9rZW4=", "w6TDvA=="])
def test_a_broken_secret_is_named_and_not_shown(auth_file: Path, auth: str) -> None:
    write(auth_file, {"auths": {"quay.io": {"auth": auth}}})
    with pytest.raises(UsageError, match=r"auth\.json: 'auth' of quay\.io is not base64 of user:password") as caught:
        found("quay.io/a")
    assert auth not in str(caught.value)
    assert found("ghcr.io/a") is None


def test_a_helper_for_one_registry(auth_file: Path, helpers: Path) -> None:
    helper(helpers, "mine", """read host; echo "{\\"Username\\": \\"user-of-$host\\", \\"Secret\\": \\"s\\"}" """)
    write(auth_file, {"credHelpers": {"quay.io": "mine"}, "auths": {"quay.io": entry("not", "this")}})
    assert user_and_password("quay.io/a") == ("user-of-quay.io", "s")
    assert found("ghcr.io/a") is None
    assert (found("quay.io/a") or Credentials("", "")).origin == "docker-credential-mine"


def test_a_store_for_all_registries_knows_docker_hub_by_its_old_url(auth_file: Path, helpers: Path) -> None:
    helper(
        helpers,
        "all",
        """read host
        [ "$host" = https://index.docker.io/v1/ ] || { echo "credentials not found in native keychain"; exit 1; }
        echo '{"Username": "<token>", "Secret": "identity"}'""",
    )
    write(auth_file, {"credsStore": "all"})
    credentials = found("busybox")
    assert credentials and (credentials.username, credentials.identity_token) == ("", "identity")
    assert found("quay.io/a") is None


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 3", "failed"),
        ("echo no json", "is not the JSON"),
        ('echo \'{"Username": 1, "Secret": "s"}\'', "has no Username and Secret"),
        ('printf "\\033[31mred"; exit 1', "x1b"),
    ],
)
def test_a_helper_that_fails_costs_a_warning(
    auth_file: Path, helpers: Path, caplog: pytest.LogCaptureFixture, script: str, says: str
) -> None:
    helper(helpers, "bad", script)
    write(auth_file, {"credsStore": "bad"})
    with caplog.at_level(logging.WARNING):
        assert found("quay.io/a") is None
    assert says in caplog.text and "\x1b" not in caplog.text


def test_a_helper_that_hangs(
    auth_file: Path, helpers: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_helper, "TIMEOUT_SECONDS", 0.2)
    helper(helpers, "slow", "exec sleep 30")
    write(auth_file, {"credsStore": "slow"})
    assert found("quay.io/a") is None
    assert "did not answer in 0.2 seconds" in caplog.text


@pytest.mark.parametrize("name", ["../evil", "a/b", "A", "x" * 65, "a b", "missing-one"])
def test_only_a_helpers_name_is_a_helper(
    auth_file: Path, helpers: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    write(auth_file, {"credHelpers": {"quay.io": name}})
    assert found("quay.io/a") is None
    assert "credential" in caplog.text


def test_jibs_sample_of_every_kind_of_entry(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(fixtures_dir / JIB / "dockerconfig.json"))
    assert found("another.example.com/x") is None
    assert "'some credential store' is not the name of a credential helper" in caplog.text

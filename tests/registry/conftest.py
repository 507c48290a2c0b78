"""Registries of every kind, for the plugins that read and write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from occystrap_core.testing.registry import EmbeddedRegistry
from tests import peers
from tests.registry.tokens import TokenServer

PASSWORD = "12345"  # a word that an option must not turn into a number
_HTPASSWD = "ann:$2b$05$W.QiWiFNAxewn3rL..JTb.YXrsaNFLC976psTBfwHJnxoQ3EyiD1K\n"


@pytest.fixture(autouse=True)
def no_stored_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without logins: what the person who runs the tests has stored stays out of them."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def embedded() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture(scope="session")
def basic_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Registry]:
    """A docker-registry that wants user ann and her password with every request."""
    directory = tmp_path_factory.mktemp("basic")
    (directory / "htpasswd").write_text(_HTPASSWD)
    extra = f"auth: {{htpasswd: {{realm: test, path: {directory / 'htpasswd'}}}}}"
    with peers.running_registry(directory, extra) as running:
        yield running


@pytest.fixture(scope="session")
def token_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    with TokenServer(tmp_path_factory.mktemp("tokens"), {"ann": PASSWORD}) as server:
        yield server


@pytest.fixture(scope="session")
def token_registry(tmp_path_factory: pytest.TempPathFactory, token_server: TokenServer) -> Iterator[peers.Registry]:
    """A docker-registry that wants signed Bearer tokens."""
    with peers.running_registry(tmp_path_factory.mktemp("token"), token_server.registry_config) as running:
        yield running

"""Registries that misbehave on request, and clients that do not wait long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from occystrap_core.contracts import Settings
from occystrap_core.kit.distribution.client import PULL, Access, RegistryClient
from occystrap_core.kit.distribution.connection import Timeouts
from occystrap_core.model.reference import Reference
from occystrap_core.testing.registry import EmbeddedRegistry

QUICK = Timeouts(connect=5, idle=0.5)
ClientFor = Callable[..., RegistryClient]


@pytest.fixture
def embedded() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture
def start() -> Iterator[Callable[..., EmbeddedRegistry]]:
    """`start(gate=…)` starts an embedded registry that ends with the test."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(EmbeddedRegistry(**settings))


@pytest.fixture
def client_for() -> Iterator[ClientFor]:
    """`client_for(registry or host, "some/repository", username=…, retries=…)`, closed with the test."""
    with ExitStack() as opened:

        def make(
            registry: EmbeddedRegistry | str,
            repository: str = "some/image",
            actions: str = PULL,
            *,
            retries: int = 3,
            rate_limit: float | None = None,
            **access: object,
        ) -> RegistryClient:
            settings = Settings(retries=retries, rate_limit=rate_limit)
            quick: dict[str, object] = {"timeouts": QUICK, "first_wait": 0.01, **access}
            host = registry if isinstance(registry, str) else registry.host
            reference = Reference.located(f"{host}/{repository}")
            client = RegistryClient(reference, Access(settings, **quick), actions)  # type: ignore[arg-type]
            opened.callback(client.close)
            return client

        yield make


@pytest.fixture(autouse=True)
def no_stored_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without logins: what the person who runs the tests has stored stays out of them."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return home

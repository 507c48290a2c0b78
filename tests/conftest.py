"""Fixtures for every test: real peers, other tools' images, and our own command."""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import peers


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.peer("skopeo", "umoci")` asks for tools by name."""
    for marker in item.iter_markers("peer"):
        peers.require(*marker.args)


def pytest_configure() -> None:
    """Tests of crowds hold both ends of hundreds of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


@pytest.fixture(autouse=True)
def no_plugin_of_a_test_is_left() -> Iterator[None]:
    """Each test that brings a plugin of its own calls it acme."""
    yield
    for name in [name for name in sys.modules if name.startswith("acme")]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Those of streams end with the stream, whatever happens to it, and not when garbage is collected."""
    yield
    left = [each.name for each in threading.enumerate() if each.name.startswith(("relay", "hash", "deflate", "layer"))]
    assert not left


@pytest.fixture(scope="session")
def require_peer() -> Callable[..., None]:
    """`require_peer("skopeo")` skips the test with a reason, or fails it where skipping is forbidden."""
    return peers.require


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    return peers.fixtures_directory()


@pytest.fixture(scope="session")
def run_cli() -> Callable[..., peers.Result]:
    return peers.run_cli


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Registry]:
    """One docker-registry for all tests; `registry.fresh("name")` gives each a repository of its own."""
    with peers.running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def dockerd() -> Iterator[peers.DockerDaemon]:
    """One docker daemon for all tests."""
    directory = Path(tempfile.mkdtemp(prefix="occystrap-docker-"))  # a socket's path must be short
    try:
        with peers.running_dockerd(directory) as running:
            yield running
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def podman() -> Iterator[peers.Podman]:
    """Podman with an empty storage."""
    peers.require("podman")
    directory = Path(tempfile.mkdtemp(prefix="occystrap-podman-"))
    try:
        yield peers.Podman(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)

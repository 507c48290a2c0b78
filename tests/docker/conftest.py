"""The daemons of these tests: one of our own, and real ones."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import peers
from tests.docker import daemon as daemons


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A socket's path must be short."""
    directory = Path(tempfile.mkdtemp(prefix="occystrap-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def daemon(short_directory: Path) -> Iterator[daemons.Daemon]:
    with daemons.running(short_directory) as running:
        yield running


@pytest.fixture(scope="module")
def podman_socket() -> Iterator[Path]:
    """The API of a podman with an empty storage."""
    peers.require("podman")
    directory = Path(tempfile.mkdtemp(prefix="occystrap-podman-"))
    try:
        with peers.running_podman_service(peers.Podman(directory)) as socket:
            yield socket
    finally:
        shutil.rmtree(directory, ignore_errors=True)

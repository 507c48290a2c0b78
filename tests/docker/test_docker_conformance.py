"""docker:// keeps the contracts of a destination and of a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from occystrap_core.kit.docker_engine.client import DockerClient
from occystrap_core.kit.docker_engine.endpoint import find_endpoint
from occystrap_core.model.errors import NotFound
from occystrap_core.testing.conformance import check_input, check_output
from tests.builtins.parts import open_destination, open_source, reopen

NAME = "conformance:latest"


@pytest.fixture(params=["docker", "podman"])
def socket(request: pytest.FixtureRequest) -> Iterator[Path]:
    yield (
        request.getfixturevalue("dockerd").socket
        if request.param == "docker"
        else request.getfixturevalue("podman_socket")
    )


def test_the_contracts(socket: Path) -> None:
    uri = f"docker://{NAME}?socket={socket}"
    with closing(DockerClient(find_endpoint(str(socket)))) as client:

        def visible() -> object:
            try:
                return client.inspect(NAME)["Id"]
            except NotFound:
                return None

        check_output(lambda: open_destination(uri), reopen=reopen, visible=visible, stored=visible, exact=False)
        check_input(lambda: open_source(uri))

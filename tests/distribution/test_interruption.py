"""A client that is told to give up does so at once, whatever it waits for."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from occystrap_core.kit.distribution.client import PUSH, RegistryClient
from occystrap_core.kit.distribution.connection import Timeouts
from occystrap_core.kit.distribution.upload import InMemory
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import TransferError
from occystrap_core.testing.build import BuiltImage, build_image, layer_tar
from occystrap_core.testing.registry import EmbeddedRegistry, Fault
from tests.distribution.conftest import ClientFor

PATIENT = Timeouts(60, 60, 60)
Start = Callable[..., EmbeddedRegistry]
Act = Callable[[RegistryClient, BuiltImage], object]


def download(client: RegistryClient, image: BuiltImage) -> object:
    layer = image.layers[0].descriptor
    return b"".join(bytes(chunk) for chunk in client.blob(layer.digest, layer.size))


def upload(client: RegistryClient, image: BuiltImage) -> object:
    return client.put_blob(Digest.of(b"new"), InMemory(b"new"))


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        (download, Fault("GET", "/blobs/", times=None, cut_after=2000, stall=60)),
        (download, Fault("GET", "/blobs/", times=None, status=429, headers={"Retry-After": "60"})),
        (upload, Fault("POST", "/blobs/", times=None, cut_after=0, stall=60)),
    ],
    ids=["a body", "the next attempt", "an upload to begin"],
)
def test_waiting_ends(start: Start, client_for: ClientFor, act: Act, fault: Fault) -> None:
    registry, image = start(), build_image([layer_tar(("a", random.Random(1).randbytes(50_000)))])
    registry.add(image, "some/image", "v1")
    registry.fail(fault)
    client = client_for(registry, actions=PUSH, timeouts=PATIENT)
    with giving_up(client, lambda: act(client, image)):
        while not registry.seen(fault.method, "/blobs/"):
            time.sleep(0.01)


def test_waiting_for_a_server_that_never_answers_ends(client_for: ClientFor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = client_for(f"127.0.0.1:{silent.getsockname()[1]}", timeouts=PATIENT)
        with giving_up(client, lambda: client.manifest("v1")):
            connection, _ = silent.accept()
            assert connection.recv(100)
        connection.close()


@contextmanager
def giving_up(client: RegistryClient, act: Callable[[], object]) -> Iterator[None]:
    """`act` on another thread, interrupted at the end of the block."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            act()
        except TransferError as error:
            failures.append(error)

    working = threading.Thread(target=work)
    working.start()
    yield
    time.sleep(0.1)
    client.interrupt()
    working.join(5)
    assert not working.is_alive()
    assert len(failures) == 1


def test_what_is_asked_for_later_is_turned_away(start: Start, client_for: ClientFor) -> None:
    registry, image = start(), build_image([layer_tar(("a", "b"))])
    registry.add(image, "some/image", "v1")
    client = client_for(registry, rate_limit=0.01)
    client.manifest("v1")
    client.interrupt()
    client.interrupt()
    seen = len(registry.requests)
    with pytest.raises(TransferError, match="stopped"):
        client.manifest("v1")
    with pytest.raises(TransferError, match="stopped"):
        client.has_blob(image.config.digest)
    assert len(registry.requests) == seen
    client.close()

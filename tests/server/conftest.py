"""Servers of our own, and a client that says exactly what it is told to."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPResponse

import pytest

from occystrap_core.kit.distribution.server import DistributionApi, DistributionServer, Limits, PushedImages
from occystrap_core.model.digest import Digest

QUICK = Limits(head_seconds=0.5, idle_seconds=0.5)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """One connection. Nothing is checked, corrected or added."""

    def __init__(self, host: str) -> None:
        address, _, port = host.rpartition(":")
        self.socket = socket.create_connection((address, int(port)), timeout=20)

    def ask(self, method: str, target: str, *headers: str, body: bytes = b"") -> Answer:
        length = [f"Content-Length: {len(body)}"] if body and not any("ength" in each for each in headers) else []
        return self.send(
            "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *headers, *length, "", ""]).encode("latin-1") + body
        )

    def send(self, data: bytes) -> Answer:
        self.socket.sendall(data)
        return self.answer(data.partition(b" ")[0].decode("latin-1"))

    def answer(self, method: str = "GET") -> Answer:
        response = HTTPResponse(self.socket, method=method)
        response.begin()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())

    def is_closed(self) -> bool:
        """Whether the server ends the connection, whatever it says before."""
        try:
            while self.socket.recv(4096):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        self.socket.close()


@dataclass
class Served:
    """A server in this process, what it keeps, and clients for it."""

    server: DistributionServer
    api: DistributionApi
    store: PushedImages
    opened: ExitStack

    def client(self) -> RawClient:
        client = RawClient(self.server.host)
        self.opened.callback(client.close)
        return client

    def ask(self, method: str, target: str, *headers: str, body: bytes = b"") -> Answer:
        return self.client().ask(method, target, *headers, body=body)

    def begin(self, repository: str = "some/image") -> str:
        """Where an upload goes on."""
        return self.ask("POST", f"/v2/{repository}/blobs/uploads/").headers["location"]

    def push(self, blob: bytes, repository: str = "some/image") -> Digest:
        digest = Digest.of(blob)
        assert self.ask("PUT", f"{self.begin(repository)}?digest={digest}", body=blob).status == 201
        return digest


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """`serve(limits=…, tls=…, gate=…)` starts a server that ends with the test."""
    with ExitStack() as running:

        def start(limits: Limits | None = None, **settings: object) -> Served:
            store = PushedImages()
            running.callback(store.close)
            api = DistributionApi(store, limits)
            server = running.enter_context(DistributionServer(api, **settings))  # type: ignore[arg-type]
            return Served(server, api, store, running)

        yield start


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve()

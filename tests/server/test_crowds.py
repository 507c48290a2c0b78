"""Many clients, idle and otherwise; ends that leave nothing behind."""

from __future__ import annotations

import os
import ssl
import threading
import time
from contextlib import suppress

import pytest

from occystrap_core.kit.certificates import self_signed, server_context
from occystrap_core.kit.distribution.server import DistributionApi, DistributionServer, Limits, PushedImages
from tests.server.conftest import RawClient, Served


def until_at_work(served: Served, connections: int) -> None:
    """A connection whose request has not been read yet may still be closed for another."""
    deadline = time.monotonic() + 10
    while sum(not each.waits for each in list(served.server._connections)) < connections:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_others_are_served_beside_three_hundred_half_open_connections(serve) -> None:
    served: Served = serve(Limits(head_seconds=1))
    idle = [served.client() for _ in range(300)]
    for client in idle:
        client.socket.sendall(b"GET /v2/ HTTP/1.1\r\n")
    began = time.monotonic()
    assert served.ask("GET", "/v2/").status == 200
    assert time.monotonic() - began < 0.5
    assert all(client.is_closed() for client in idle)
    assert time.monotonic() - began < 15


def test_a_connection_at_work_is_not_closed_for_another(serve) -> None:
    served: Served = serve(Limits(connections=2))
    busy, location = served.client(), served.begin()
    busy.socket.sendall(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab".encode())
    until_at_work(served, 1)
    for _ in range(5):
        assert served.ask("GET", "/v2/").status == 200
    assert busy.send(b"cd").status == 202


def test_more_than_can_be_served_are_turned_away(serve) -> None:
    served: Served = serve(Limits(connections=2))
    locations = [served.begin() for _ in range(2)]
    busy = [served.client() for _ in locations]
    for client, location in zip(busy, locations, strict=True):
        client.socket.sendall(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab".encode())
    until_at_work(served, 2)
    assert served.client().is_closed()
    assert [client.send(b"cd").status for client in busy] == [202, 202]


def test_a_slow_handshake_holds_nobody_up(serve) -> None:
    served: Served = serve(Limits(head_seconds=0.5), tls=server_context(self_signed(("127.0.0.1",))))
    silent, garbled = served.client(), served.client()
    garbled.socket.sendall(b"GET /v2/ HTTP/1.1\r\n\r\n")
    assert silent.is_closed() and garbled.is_closed()


def test_closing_in_the_middle_of_tls_is_quiet(serve) -> None:
    made = self_signed(("127.0.0.1",))
    served: Served = serve(tls=server_context(made))
    trusting = ssl.create_default_context(cadata=made.certificate)
    clients = [trusting.wrap_socket(served.client().socket, server_hostname="127.0.0.1") for _ in range(10)]
    for client in clients[:5]:
        client.sendall(b"POST /v2/a/blobs/uploads/?digest=" + f"sha256:{'0' * 64}".encode() + b" HTTP/1.1\r\n")
    served.server.close()
    for client in clients:
        with client, suppress(OSError):
            assert client.recv(100) == b""


def test_closing_ends_every_thread_and_file() -> None:
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    store = PushedImages()
    with DistributionServer(DistributionApi(store)) as server:
        clients = [RawClient(server.host) for _ in range(5)]
        location = clients[0].ask("POST", "/v2/a/blobs/uploads/").headers["location"]
        clients[1].ask("POST", f"/v2/a/blobs/uploads/?digest=sha256:{'0' * 64}", body=b"x")
        clients[2].socket.sendall(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na".encode())
        clients[3].socket.sendall(b"GET ")
        time.sleep(0.1)
    store.close()
    assert threading.active_count() == threads
    assert all(client.is_closed() for client in clients)
    for client in clients:
        client.close()
    assert len(os.listdir("/proc/self/fd")) == files


def test_a_machine_without_another_thread_turns_one_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    refusals = [RuntimeError("can't start new thread")]

    def no_thread(self: threading.Thread) -> None:
        if refusals:
            raise refusals.pop()
        start(self)

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    assert served.client().is_closed()
    assert served.ask("GET", "/v2/").status == 200

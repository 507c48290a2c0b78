"""Requests that mean different things to different readers are refused, and their connection is ended."""

from __future__ import annotations

import pytest

from tests.server.conftest import QUICK, RawClient, Served

GET = "GET /v2/ HTTP/1.1\r\nHost: x\r\n"
PUSH = "POST /v2/some/image/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (f"{PUSH}Content-Length: 3\r\nContent-Length: 3\r\n", 400),
        (f"{PUSH}Content-Length: 3\r\nContent-Length: 30\r\n", 400),
        (f"{PUSH}Content-Length: 3, 3\r\n", 400),
        (f"{PUSH}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
        (f"{PUSH}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        (f"{PUSH}Transfer-Encoding: gzip, chunked\r\n", 501),
        (f"{PUSH}Transfer-Encoding: identity\r\n", 501),
        (f"{PUSH}Content-Length: -1\r\n", 400),
        (f"{PUSH}Content-Length: +3\r\n", 400),
        (f"{PUSH}Content-Length: 0x3\r\n", 400),
        (f"{PUSH}Content-Length: \u00b3\r\n", 400),
        (f"{PUSH}Content-Length: 99999999999999999999\r\n", 400),
        (f"{PUSH}Content-Length : 3\r\n", 400),
        (f"{PUSH} Content-Length: 3\r\n", 400),
        (f"{PUSH}X: a\r\n b\r\n", 400),
        (f"{PUSH}X: a\nContent-Length: 3\r\n", 400),
        (f"{PUSH}X: a\rContent-Length: 3\r\n", 400),
        (f"{PUSH}X: a\0\r\n", 400),
        (f"{PUSH}no colon\r\n", 400),
        (f"{PUSH}Host: y\r\n", 400),
        (f"{PUSH}Expect: the unexpected\r\n", 417),
        ("POST /v2/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\n", 400),
        ("GET /v2/ HTTP/2.0\r\nHost: x\r\n", 400),
        ("GET /v2/\r\nHost: x\r\n", 400),
        ("GET  /v2/ HTTP/1.1\r\nHost: x\r\n", 400),
        ("GET v2/ HTTP/1.1\r\nHost: x\r\n", 400),
        ("GET http://elsewhere/v2/ HTTP/1.1\r\nHost: x\r\n", 400),
        ("GET /v2/\x1b[31m HTTP/1.1\r\nHost: x\r\n", 400),
        ("get /v2/ HTTP/1.1\r\nHost: x\r\n", 400),
        ("\x16\x03\x01 a TLS handshake\r\n", 400),
        (f"{GET}X: {'x' * (1 << 20)}\r\n", 431),
        (f"{GET}{''.join(f'X{n}: y{chr(13)}{chr(10)}' for n in range(1000))}", 431),
    ],
)
def test_a_head_that_is_not_certain(served: Served, request_: str, status: int) -> None:
    client = served.client()
    answer = client.send(f"{request_}\r\n".encode("latin-1"))
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert client.is_closed()
    assert len(served.api.uploads) == 0


@pytest.mark.parametrize(
    "body",
    [
        "x\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", "\r\n", " 1\r\na\r\n", "1 \r\na\r\n", "1;x=y\r\na\r\n",
        "1\r\nab\r\n", "1\na\n0\n\n", "fffffffffffffffffffff\r\n", "0" * 100, "1\r\na\r\n0\r\nTrailer: x\r\n\r\n",
    ],
)  # fmt: skip
def test_chunks_that_are_not_certain(served: Served, body: str) -> None:
    client, location = served.client(), served.begin()
    head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = client.send((head + body).encode("latin-1"))
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert client.is_closed()


def test_chunks(served: Served) -> None:
    client, location = served.client(), served.begin()
    head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: CHUNKED\r\n\r\n"
    answer = client.send(f"{head}4\r\nabcd\r\n00A\r\n0123456789\r\n0\r\n\r\n".encode())
    assert (answer.status, answer.headers["range"]) == (202, "0-13")
    assert client.ask("GET", "/v2/").status == 200, "the connection is in step"


def test_requests_follow_each_other(served: Served) -> None:
    client = served.client()
    client.socket.sendall(f"{GET}\r\n{GET}\r\n".encode())
    assert client.answer().status == 200
    client.close()
    client = served.client()
    for _ in range(3):
        assert client.ask("HEAD", "/v2/").status == 200
    answer = client.ask("GET", "/v2/", "Connection: close")
    assert (answer.status, answer.headers["connection"], client.is_closed()) == (200, "close", True)


def test_a_body_nobody_wants_is_read_where_it_is_small(served: Served) -> None:
    client = served.client()
    assert client.ask("PATCH", "/v2/some/image/blobs/uploads/unknown", body=b"x" * 1000).status == 404
    assert client.ask("GET", "/v2/").status == 200


def test_a_large_one_is_refused_before_it_comes(served: Served) -> None:
    client = served.client()
    answer = client.ask("PATCH", "/v2/some/image/blobs/uploads/unknown", "Content-Length: 99999999")
    assert (answer.status, answer.headers["connection"]) == (404, "close")


def test_a_refusal_arrives_even_if_the_body_is_on_its_way(served: Served) -> None:
    client = served.client()
    answer = client.ask("PUT", "/v2/some/image/manifests/v1", body=b"x" * (64 << 20))
    assert answer.status == 413
    assert b"SIZE_INVALID" in answer.body


def test_a_client_that_asks_first_is_told_to_go_on(served: Served) -> None:
    client, location = served.client(), served.begin()
    head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    client.socket.sendall(head.encode())
    assert client.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert client.send(b"abc").headers["range"] == "0-2"


def test_or_that_it_need_not(served: Served) -> None:
    client = served.client()
    answer = client.ask("PUT", "/v2/a/manifests/v1", "Content-Length: 99999999", "Expect: 100-continue")
    assert (answer.status, client.is_closed()) == (413, True)


@pytest.mark.parametrize("start", [b"", b"G", b"GET /v2/ HTTP/1.1\r\nHost: x\r\n"])
def test_half_a_request_is_not_waited_for(serve, start: bytes) -> None:
    client: RawClient = serve(QUICK).client()
    client.socket.sendall(start)
    assert client.is_closed()


def test_a_head_that_drips_has_its_time(serve) -> None:
    client: RawClient = serve(QUICK).client()
    client.socket.settimeout(0.1)
    for byte in b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: a value that takes its time":
        try:
            client.socket.sendall(bytes((byte,)))
            if not client.socket.recv(1):
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return
    pytest.fail("the server waited for ever")


@pytest.mark.parametrize("head", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_body_that_drips_has_its_time(serve, head: str) -> None:
    served: Served = serve(QUICK)
    client = served.client()
    client.socket.sendall(f"PATCH {served.begin()} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
    client.socket.settimeout(0.1)
    for _ in range(40):
        try:
            client.socket.sendall(b"1\r\na\r\n")
            if not client.socket.recv(1):
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return
    pytest.fail("the server waited for ever")


def test_tls_is_refused_at_once_where_it_is_not_spoken(served: Served) -> None:
    client = served.client()
    client.socket.settimeout(2)
    assert client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").status == 400

"""Whatever the bytes, and however they are cut: they arrive, or they are refused."""

from __future__ import annotations

import socket
import threading

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from occystrap_core.kit.distribution.server import Limits
from occystrap_core.kit.distribution.server.body import WireBody
from occystrap_core.kit.distribution.server.head import Head, read_head
from occystrap_core.kit.distribution.server.refusal import Gone, Refusal
from occystrap_core.kit.distribution.server.routes import route
from occystrap_core.kit.distribution.server.wire import Wire
from tests.server.conftest import Served

PIECES = st.lists(st.binary(min_size=1, max_size=200), max_size=20)
CUTS = st.lists(st.integers(0, 5000), max_size=10)


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%X\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def send_cut(data: bytes, cuts: list[int], end: socket.socket) -> None:
    with end:
        last = 0
        for cut in sorted({*(cut for cut in cuts if cut < len(data)), len(data)}):
            end.sendall(data[last:cut])
            last = cut


def received(data: bytes, cuts: list[int], length: int | None) -> tuple[bytes, bytes | None]:
    """What a body of `length` is read as, and the head that is read after it."""
    ours, theirs = socket.socketpair()
    sender = threading.Thread(target=send_cut, args=(data, cuts, theirs))
    sender.start()
    with ours:
        wire = Wire(ours, Limits())
        body = WireBody(wire, Head("PUT", "/", {}, length, keeps_alive=True))
        content = b"".join(map(bytes, body.chunks()))
        assert body.may_finish()
        following = wire.head()
    sender.join()
    return content, following


@settings(max_examples=100, deadline=None)
@given(PIECES, CUTS)
def test_chunks_arrive_however_they_are_cut(pieces: list[bytes], cuts: list[int]) -> None:
    data = chunked(pieces) + b"GET / HTTP/1.1\r\n\r\n"
    assert received(data, cuts, None) == (b"".join(pieces), b"GET / HTTP/1.1")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=3000), CUTS)
def test_a_body_of_known_length_ends_where_it_should(data: bytes, cuts: list[int]) -> None:
    assert received(data + b"GET / HTTP/1.1\r\n\r\n", cuts, len(data)) == (data, b"GET / HTTP/1.1")


@settings(max_examples=100, deadline=None)
@given(PIECES, st.integers(0, 4000), st.integers(1, 255))
def test_chunks_that_are_damaged_never_give_more_than_was_sent(pieces: list[bytes], place: int, flip: int) -> None:
    data = bytearray(chunked(pieces))
    data[place % len(data)] ^= flip
    try:
        content, _ = received(bytes(data), [], None)
    except (Refusal, Gone):
        return
    assert len(content) <= len(data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"GET {text} HTTP/1.1\r\nHost: x".encode()))
def test_a_head_is_read_or_refused(raw: bytes) -> None:
    try:
        head = read_head(raw, 100)
    except Refusal:
        return
    assert head.target.startswith("/") and head.target.isprintable() and head.target.isascii()


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("abAB09/:@._-%?=&~!é\\\r\n\0"), max_size=80) | st.text(max_size=80))
def test_a_path_names_something_or_is_refused(path: str) -> None:
    for target in (
        path,
        f"/v2/{path}",
        f"/v2/{path}/manifests/v1",
        f"/v2/a/blobs/uploads/{path}",
        f"/v2/a/tags/list?{path}",
    ):
        try:
            found = route(target)
        except Refusal:
            continue
        assert not {"\r", "\n", "\0", "\\", "%"} & set(found.repository + found.rest)
        assert ".." not in found.repository.split("/")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=400))
def test_garbage_is_survived(served: Served, garbage: bytes) -> None:
    client = served.client()
    client.socket.sendall(garbage)
    client.socket.shutdown(socket.SHUT_WR)
    assert client.is_closed()
    client.close()
    assert served.ask("GET", "/v2/").status == 200

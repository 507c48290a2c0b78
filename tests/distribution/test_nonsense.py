"""Whatever a server answers, the client says something sensible or nothing went wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from occystrap_core.contracts import Settings
from occystrap_core.kit.distribution.client import PUSH, Access, RegistryClient
from occystrap_core.kit.distribution.connection import Timeouts
from occystrap_core.kit.distribution.upload import InMemory
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import OccystrapError
from occystrap_core.model.reference import Reference

STATUS = st.sampled_from(
    ["200 OK", "206 x", "201 x", "202 x", "301 x", "307 x", "401 x", "404", "416 x", "429 x", "500 x"]
)
HEADERS = st.sampled_from(
    [
        "Content-Length: 3", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: x",
        "Transfer-Encoding: chunked", "Content-Range: bytes 0-2/3", "Content-Encoding: gzip", "Location: /v2/",
        "Location: http://[", "Location: \x80\xff", "Location: //127.0.0.1:1/", "WWW-Authenticate: Basic realm=x",
        'WWW-Authenticate: Bearer realm="http://127.0.0.1:1/",', "WWW-Authenticate: ,,,=",
        "Docker-Content-Digest: sha256:x",
        "Range: 0-1", "Range: junk", "Connection: close", "Retry-After: 0", "Content-Type: a/b; \xe9", ": x",
        "X" * 70_000,
    ]
)  # fmt: skip
BODIES = st.sampled_from(
    [b"", b"abc", b"{}", b"[]", b'{"token":"x"}', b"3\r\nabc\r\n0\r\n\r\n", b"zz\r\n", b"\xff" * 50]
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=60))
    lines = [f"HTTP/1.1 {draw(STATUS)}", *draw(st.lists(HEADERS, max_size=4))]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + draw(BODIES)


class Parrot:
    """Gives the same answer to everything."""

    def __init__(self) -> None:
        self.answer = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection, suppress(OSError):
                    connection.settimeout(0.2)
                    connection.recv(65536)
                    connection.sendall(self.answer)


@pytest.fixture(scope="module")
def parrot() -> Iterator[Parrot]:
    with closing(Parrot()) as running:
        yield running


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=answers())
def test_nothing_but_our_own_errors_comes_out(parrot: Parrot, answer: bytes) -> None:
    parrot.answer = answer
    access = Access(
        Settings(retries=1, username="u", password="p"), timeouts=Timeouts(1, 1, 1), sleep=lambda seconds: None
    )
    digest = Digest.of(b"abc")
    with closing(RegistryClient(Reference.located(f"{parrot.host}/a"), access, PUSH)) as client:
        for work in (
            lambda: client.manifest("latest"),
            lambda: b"".join(map(bytes, client.blob(digest, 3))),
            lambda: client.blob_size(digest),
            lambda: client.mount(digest, "b"),
            lambda: client.put_blob(digest, InMemory(b"abc")),
        ):
            try:
                work()
            except OccystrapError as error:
                assert str(error).isprintable()

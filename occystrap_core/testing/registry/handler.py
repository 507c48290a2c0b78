"""The embedded registry's answers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from occystrap_core.kit.distribution.server.api import Request
from occystrap_core.kit.distribution.server.refusal import Refusal
from occystrap_core.kit.distribution.server.reply import refused
from occystrap_core.testing.registry.faults import Fault
from occystrap_core.testing.registry.gate import TOKEN_PATH, TokenGate

if TYPE_CHECKING:
    from occystrap_core.testing.registry.server import EmbeddedRegistry

_NO_FAULT = Fault()


class _Gone(ConnectionError):
    """A fault ended the connection."""


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def _unauthorized() -> Reply:
    found = refused(Refusal(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "unauthorized"))
    assert isinstance(found.body, bytes)
    return Reply(found.status, dict(found.headers), found.body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    @property
    def registry(self) -> EmbeddedRegistry:
        found: EmbeddedRegistry = self.server.registry  # type: ignore[attr-defined]  # set by EmbeddedRegistry
        return found

    def setup(self) -> None:
        super().setup()
        self.registry.opened(self.connection)

    def finish(self) -> None:
        self.registry.closed(self.connection)
        super().finish()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Tests ask for `requests` instead."""

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_GET

    def _serve(self) -> None:
        from occystrap_core.testing.registry.server import SeenRequest

        headers = {name.lower(): value for name, value in self.headers.items()}
        self.registry.requests.append(SeenRequest(self.command, self.path, headers))
        self._unread = int(headers.get("content-length", 0))
        self._fault = self.registry.faults.next(self.command, self.path) or _NO_FAULT
        self._send(self._planned() or self._admitted())
        if self._unread:
            self.close_connection = True

    def _planned(self) -> Reply | None:
        """The reply of a fault that keeps the work from being done."""
        fault = self._fault
        if not fault.status or fault.after_work:
            return None
        if not fault.early:
            self._body()
        return Reply(fault.status, {}, fault.body)

    def _admitted(self) -> Reply:
        gate = self.registry.gate
        authorization = self.headers.get("Authorization", "")
        parts = urlsplit(self.path)
        if parts.path == TOKEN_PATH and isinstance(gate, TokenGate):
            answer = gate.answer(parts.query, authorization, self._body().decode())
            return Reply(200, {}, json.dumps(answer).encode()) if answer else _unauthorized()
        challenge = gate.challenge(authorization, self.registry.url) if gate else ""
        if challenge:
            self._body()
            reply = _unauthorized()
            reply.headers["WWW-Authenticate"] = challenge
            return reply
        return self._worked()

    def _worked(self) -> Reply:
        reply = self._routed()
        if self._fault.after_work:
            if not self._fault.status:
                self._hang_up(reset=True)
            return Reply(self._fault.status, {}, self._fault.body)
        return reply

    def _routed(self) -> Reply:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self._fault.ignore_range:
            headers.pop("range", None)
        target = urlsplit(self.path)._replace(scheme="", netloc="").geturl()
        try:
            reply = self.registry.api.answer(Request(self.command, target, headers, self))
        except Refusal as refusal:
            reply = refused(refusal)
        body = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body.chunks())
        return Reply(reply.status, dict(reply.headers), body)

    @property
    def length(self) -> int:
        """What a request's body has: the handler is the body, too."""
        return self._unread

    def chunks(self) -> Iterator[memoryview]:
        """The request's body, or as much of it as the fault allows."""
        allowed = self._fault.read_only
        while self._unread:
            if allowed is not None and allowed <= 0:
                self._hang_up(reset=True)
            step = min(self._unread, 64 * 1024, allowed if allowed is not None else self._unread)
            piece = self.rfile.read(step)
            if not piece:
                raise _Gone
            self._unread -= len(piece)
            allowed = None if allowed is None else allowed - len(piece)
            yield memoryview(piece)

    def _body(self) -> bytes:
        return b"".join(self.chunks())

    def _send(self, reply: Reply) -> None:
        fault = self._fault
        time.sleep(fault.think)
        chunked = self.registry.chunked and "/blobs/sha" in self.path
        self.send_response(reply.status)
        for name, value in self._final_headers(reply, chunked):
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in self._pieces(reply.body):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if fault.cut_after is not None:
            self.wfile.flush()
            time.sleep(fault.stall)
            self._hang_up(fault.reset)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _final_headers(self, reply: Reply, chunked: bool) -> Iterator[tuple[str, str]]:
        length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(reply.body))}
        for name, value in {**reply.headers, **length, **self._fault.headers}.items():
            if value is not None:
                yield name, value

    def _pieces(self, body: bytes) -> Iterator[bytes]:
        fault = self._fault
        if fault.flip is not None:
            body = body[: fault.flip] + bytes([body[fault.flip] ^ 1]) + body[fault.flip + 1 :]
        if fault.cut_after is not None:
            body = body[: fault.cut_after]
        size = 1 if fault.drip else 64 * 1024
        for start in range(0, len(body), size):
            yield body[start : start + size]
            if fault.drip:
                self.wfile.flush()
                time.sleep(fault.drip)

    def _hang_up(self, reset: bool) -> None:
        if reset:
            self.registry.reset_when_closed(self.connection)
        else:
            self.connection.shutdown(socket.SHUT_WR)
        self.close_connection = True
        raise _Gone

"""One client's connection, on a thread of its own: requests in, answers out, until either has had enough."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from http import HTTPStatus
from typing import Protocol

from occystrap_core.kit.distribution.server.api import Request
from occystrap_core.kit.distribution.server.body import WireBody
from occystrap_core.kit.distribution.server.head import Head, read_head
from occystrap_core.kit.distribution.server.limits import Limits
from occystrap_core.kit.distribution.server.refusal import Gone, Refusal
from occystrap_core.kit.distribution.server.reply import Reply, refused
from occystrap_core.kit.distribution.server.wire import Wire

_LINGER_SECONDS = 2.0
_NO_BODY = frozenset({HTTPStatus.NO_CONTENT})


class Desk(Protocol):
    """Who answers."""

    def answer(self, request: Request) -> Reply: ...


class Connection:
    """`waits` while the client owes a request; such a connection may be closed for a busier one."""

    def __init__(self, accepted: socket.socket, tls: ssl.SSLContext | None, desk: Desk, limits: Limits) -> None:
        # A handshake here would make everybody wait for one slow client.
        self._socket = tls.wrap_socket(accepted, True, do_handshake_on_connect=False) if tls else accepted
        self._desk = desk
        self._limits = limits
        self.waits = True

    def serve(self) -> None:
        """Until the end, whoever brings it about."""
        try:
            self._secure()
            wire = Wire(self._socket, self._limits)
            while self._exchange(wire):
                self.waits = True
        except (Gone, OSError):
            pass
        finally:
            self._socket.close()

    def close(self) -> None:
        self._socket.close()

    def hang_up(self) -> None:
        """From another thread: `serve` then comes to its end."""
        self.waits = False
        with suppress(OSError):
            # TLS's own way would take its state away from the thread that is reading.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _secure(self) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(self._limits.head_seconds)
            self._socket.do_handshake()

    def _exchange(self, wire: Wire) -> bool:
        """Whether another request may follow."""
        try:
            raw = wire.head()
            if raw is None:
                return False
            head = read_head(raw, self._limits.head_lines)
        except Refusal as refusal:
            _send(wire, refused(refusal), whole=True, closes=True)
            wire.linger(_LINGER_SECONDS)
            return False
        self.waits = False
        body = WireBody(wire, head)
        reply = self._answered(head, body)
        keeps = head.keeps_alive and body.may_finish()
        _send(wire, reply, whole=head.method != "HEAD", closes=not keeps)
        if keeps:
            body.finish()
        else:
            wire.linger(_LINGER_SECONDS)
        return keeps

    def _answered(self, head: Head, body: WireBody) -> Reply:
        try:
            return self._desk.answer(Request(head.method, head.target, head.headers, body))
        except Refusal as refusal:
            return refused(refusal)


def _send(wire: Wire, reply: Reply, *, whole: bool, closes: bool) -> None:
    lines = [f"HTTP/1.1 {reply.status.value} {reply.status.phrase}", "Docker-Distribution-API-Version: registry/2.0"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if reply.status not in _NO_BODY:
        lines.append(f"Content-Length: {len(reply.body)}")
    if closes:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    if isinstance(reply.body, bytes):
        wire.send(head + reply.body if whole else head)
        return
    wire.send(head)
    for chunk in reply.body.chunks() if whole else ():
        wire.send(chunk)

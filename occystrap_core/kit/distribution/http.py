"""The only module that imports httpx, and what the others use of it.

httpx is the face (requests, responses, headers); the bytes go through our own transport,
because its default one costs three times as much CPU for a blob.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import ModuleType
from typing import cast

from occystrap_core._version import VERSION
from occystrap_core.kit.distribution.connection import Body, Connections, Door, Timeouts
from occystrap_core.kit.distribution.failures import network_failure, shown
from occystrap_core.kit.distribution.origin import Origin, Url
from occystrap_core.model.errors import LimitExceeded, TransferError

# httpx would import its own command line with click and rich, and decoders, for nothing.
_UNWANTED = [name for name in ("httpx._main", "zstandard", "brotli", "brotlicffi") if name not in sys.modules]
for _name in _UNWANTED:
    sys.modules[_name] = cast("ModuleType", None)

import httpx  # noqa: E402 - the lines above must come first
from httpx import Headers, Response  # noqa: E402

for _name in _UNWANTED:
    del sys.modules[_name]

__all__ = ["Headers", "HttpClient", "Response", "read_capped"]

# It would log requests to "/": the session says what they really are.
logging.getLogger("httpx").disabled = True

_HEADERS = {
    "User-Agent": f"occystrap/{VERSION}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "keep-alive",
}


class HttpClient:
    """Sends single requests: no redirects, no login, no retries, no cookies. Threads may share it."""

    def __init__(self, home: Origin, timeouts: Timeouts, door: Door | None = None) -> None:
        self._transport = Transport(home, timeouts, door)
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.Client(
            transport=self._transport, headers=_HEADERS, cookies=no_cookies, trust_env=False, follow_redirects=False
        )

    @contextmanager
    def send(
        self, method: str, url: Url, headers: Mapping[str, str], body: Iterable[bytes] | None = None
    ) -> Iterator[Response]:
        """The answer, whose body is read with `iter_raw()` or `read_capped`, if at all."""
        response = self.open(method, url, headers, body)
        try:
            yield response
        finally:
            response.close()

    def open(self, method: str, url: Url, headers: Mapping[str, str], body: Iterable[bytes] | None = None) -> Response:
        """As `send`, but the caller closes."""
        # The target travels beside httpx's URL, which would rewrite what others have signed.
        request = self._client.build_request(
            method, f"{url.origin}/", headers=dict(headers), content=body, extensions={"url": url}
        )
        try:
            return self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Our transport raises none of these: it is httpx that makes sense of a Location, or fails to.
            raise TransferError(
                f"{url.origin.netloc} sends an answer that makes no sense: {shown(str(error))}"
            ) from None

    def interrupt(self) -> None:
        self._transport.connections.interrupt()

    def pause(self, seconds: float) -> None:
        """Sleep, unless interrupted."""
        self._transport.connections.pause(seconds)

    def close(self) -> None:
        self._client.close()


class Transport(httpx.BaseTransport):
    """httpx over http.client."""

    def __init__(self, home: Origin, timeouts: Timeouts, door: Door | None = None) -> None:
        self.connections = Connections(home, timeouts, door)
        self._name = door.name if door else ""

    def handle_request(self, request: httpx.Request) -> Response:
        url: Url = request.extensions["url"]
        has_body = request.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in request.headers
        body = cast("Iterable[bytes]", request.stream) if has_body else None
        headers = {name.decode(): value.decode() for name, value in request.headers.raw}
        peer = self._name or url.origin.netloc
        try:
            response, stream = self.connections.exchange(request.method, url.origin, url.target, headers, body)
        except (OSError, HTTPException) as error:
            raise network_failure(error, peer) from error
        answered = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.getheaders()]
        return Response(response.status, headers=answered, stream=_Stream(stream, peer))

    def close(self) -> None:
        self.connections.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, body: Body, peer: str) -> None:
        self._body = body
        self._peer = peer

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from cast("Iterator[bytes]", iter(self._body))
        except (OSError, HTTPException) as error:
            raise network_failure(error, self._peer) from error

    def close(self) -> None:
        self._body.close()


def read_capped(response: Response, limit: int, what: str) -> bytes:
    """The whole body, which may be `limit` bytes long; `what` names it in the error."""
    collected = bytearray()
    for chunk in response.iter_raw():
        collected += chunk
        if len(collected) > limit:
            raise LimitExceeded(f"{what} is longer than {limit} bytes")
    return bytes(collected)

"""The head of a request, read so that nobody can read it differently (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from occystrap_core.kit.distribution.server.refusal import Refusal, bad_request

_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.([01])")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([ -~\t\x80-\xff]*?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
_ONCE = frozenset({"host", "content-length", "transfer-encoding", "content-type", "authorization", "content-range"})


@dataclass(frozen=True, slots=True)
class Head:
    """`headers` have lower-case names. `length` is None for a chunked body."""

    method: str
    target: str
    headers: Mapping[str, str]
    length: int | None
    keeps_alive: bool

    @property
    def expects_continue(self) -> bool:
        return "expect" in self.headers


def read_head(raw: bytes, max_lines: int) -> Head:
    """What `raw`, without the empty line at its end, says. Raises Refusal, after which the
    connection is of no use: where the next request begins would be guesswork."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    if len(lines) > max_lines:
        raise Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "UNSUPPORTED", f"a request may have {max_lines} headers"
        )
    found = _REQUEST_LINE.fullmatch(first)
    if not found:
        raise bad_request("the request line is malformed")
    method, target, minor = found.groups()
    headers = _headers(lines)
    if minor == "1" and "host" not in headers:
        raise bad_request("a request of HTTP/1.1 needs a Host header")
    if headers.get("expect", "100-continue").lower() != "100-continue":
        raise Refusal(HTTPStatus.EXPECTATION_FAILED, "UNSUPPORTED", "only 100-continue can be expected")
    options = {option.strip().lower() for option in headers.get("connection", "").split(",")}
    return Head(method, target, headers, _length(headers, minor), minor == "1" and "close" not in options)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if not found:
            raise bad_request("a header is malformed")
        name, value = found[1].lower(), found[2]
        if name in headers:
            if name in _ONCE:
                raise bad_request(f"the header {name} may stand once only")
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


def _length(headers: Mapping[str, str], minor: str) -> int | None:
    """Two ways to tell where a body ends are one too many: proxies differ in which they believe."""
    length, encoding = headers.get("content-length"), headers.get("transfer-encoding")
    if encoding is not None:
        if length is not None or minor == "0":
            raise bad_request("Transfer-Encoding does not go with Content-Length, nor with HTTP/1.0")
        if encoding.lower() != "chunked":
            raise Refusal(HTTPStatus.NOT_IMPLEMENTED, "UNSUPPORTED", "the only transfer encoding is chunked")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise bad_request("Content-Length is not a number")
    return int(length)

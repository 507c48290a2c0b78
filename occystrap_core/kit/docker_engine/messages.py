"""What a daemon says while it works: JSON objects, one a line, the last of which may be an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.distribution.failures import shown
from occystrap_core.model import strict_json
from occystrap_core.model.errors import InvalidJson, LimitExceeded, TransferError

_MAX_LINE = 1 << 20


def messages(chunks: Iterable[Chunk], what: str) -> Iterator[Mapping[str, Any]]:
    """Every object as it comes; a line that is none is an object that only says `stream`."""
    for line in _lines(chunks, what):
        if text := line.strip():
            yield _message(text)


def require_success(said: Iterable[Mapping[str, Any]], failed: str) -> list[str]:
    """What the daemon said in words. Raises the error that it reports, introduced by `failed`."""
    words = []
    for message in said:
        if error := error_in(message):
            raise TransferError(f"{failed}: {error}")
        stream = message.get("stream")
        if isinstance(stream, str) and stream.strip():
            words.append(shown(stream))
    return words


def error_in(message: Mapping[str, Any]) -> str:
    """The error that a message reports, fit to be shown, or empty."""
    detail = message.get("errorDetail")
    said = detail.get("message") if isinstance(detail, Mapping) else None
    found = said or message.get("error")
    return shown(str(found)) if found else ""


def _message(line: bytes) -> Mapping[str, Any]:
    try:
        return strict_json.loads_object(line)
    except InvalidJson:
        return {"stream": line.decode("utf-8", "replace")}


def _lines(chunks: Iterable[Chunk], what: str) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + bytes(chunk)).split(b"\n")
        yield from lines
        if len(rest) > _MAX_LINE:
            raise LimitExceeded(f"{what} sends a line longer than {_MAX_LINE} bytes")
    yield rest


def reported_error(tail: bytes) -> str:
    """The error of a message that `tail` ends with, fit to be shown, or empty."""
    start = tail.rfind(b'{"errorDetail"')
    if start < 0:
        start = tail.rfind(b'{"error"')
    return error_in(_message(tail[start:].strip(b"\0\r\n "))) if start >= 0 else ""

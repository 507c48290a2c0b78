"""Answers of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from occystrap_core.kit.distribution.server.refusal import Refusal
from occystrap_core.kit.distribution.server.store import StoredBlob


@dataclass(frozen=True, slots=True)
class Part:
    """`length` bytes of a blob, from `start` on."""

    blob: StoredBlob
    start: int
    length: int

    def __len__(self) -> int:
        return self.length

    def chunks(self) -> Iterator[bytes | memoryview]:
        left = self.length
        for chunk in self.blob.chunks(self.start):
            yield chunk if len(chunk) <= left else memoryview(chunk)[:left]
            left -= min(left, len(chunk))
            if not left:
                return


@dataclass(frozen=True, slots=True)
class Reply:
    """Header values come from validated parts only, so that nothing of a request can split an answer."""

    status: HTTPStatus
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Part = b""


def refused(refusal: Refusal) -> Reply:
    body = json.dumps({"errors": [{"code": refusal.code, "message": refusal.message}]}).encode()
    return Reply(refusal.status, {"Content-Type": "application/json"}, body)

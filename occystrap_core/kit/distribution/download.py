"""Downloads that go on where they were interrupted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from occystrap_core.contracts.input import Chunk
from occystrap_core.kit.distribution.failures import Transient
from occystrap_core.kit.distribution.http import Response
from occystrap_core.kit.distribution.session import Ask, Session

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(?:\d{1,18}|\*)")
_REAL_PROGRESS = 1024 * 1024
_ANSWERS = frozenset({200, 206, 416})


class Download:
    """One blob on its way. `position` counts what was handed out, over all attempts."""

    def __init__(self, session: Session, ask: Ask, size: int | None) -> None:
        self._session = session
        self._ask = replace(ask, accept=_ANSWERS)
        self._size = size
        self._position = 0
        self._ranges_work = True

    def chunks(self) -> Iterator[Chunk]:
        attempts = self._session.policy.begin()
        while True:
            start = self._position
            try:
                yield from self._attempt()
                return
            except Transient as error:
                if self._position - start >= _REAL_PROGRESS:
                    attempts.progressed()
                attempts.failed(error)

    def _attempt(self) -> Iterator[Chunk]:
        start = self._position if self._ranges_work else 0
        headers = {"Range": f"bytes={start}-"} if start else {}
        with closing(self._session.open(replace(self._ask, headers=headers))) as response:
            yield from self._after(response, self._already_seen(response, start))
        if self._size is not None and self._position < self._size and _has_no_length(response):
            raise Transient(f"the connection was closed after {self._position} of {self._size} bytes")

    def _already_seen(self, response: Response, start: int) -> int:
        """How many bytes of this answer were handed out before."""
        if response.status_code == 200:
            return self._position
        found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if response.status_code == 416 or not start or not found or int(found[1]) != start:
            self._ranges_work = False
            raise Transient("the registry answers with another range of the blob than was asked for")
        return 0

    def _after(self, response: Response, skipped: int) -> Iterator[Chunk]:
        for chunk in response.iter_raw():
            length = len(chunk)
            if skipped >= length:
                skipped -= length
                continue
            piece = memoryview(chunk)[skipped:] if skipped else chunk
            skipped = 0
            self._position += len(piece)
            yield piece


def _has_no_length(response: Response) -> bool:
    return "content-length" not in response.headers and response.headers.get("transfer-encoding") is None

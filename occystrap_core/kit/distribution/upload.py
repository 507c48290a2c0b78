"""Uploads that survive an interruption."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Protocol
from urllib.parse import quote, urlencode

from occystrap_core.kit.distribution.auth import Scopes
from occystrap_core.kit.distribution.failures import Transient
from occystrap_core.kit.distribution.http import Response
from occystrap_core.kit.distribution.manifests import claimed_digest
from occystrap_core.kit.distribution.origin import Url
from occystrap_core.kit.distribution.session import Ask, Session
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import DigestMismatch, OccystrapError, TransferError

_OCTETS = {"Content-Type": "application/octet-stream"}
_DONE = frozenset({200, 201, 202, 204})
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")


class Content(Protocol):
    """Bytes that can be read again, from any position on: a Spool is one."""

    @property
    def size(self) -> int: ...

    def chunks(self, start: int = 0) -> Iterator[bytes]: ...


class InMemory:
    """Content for small things."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        yield self._data[start:]


class Spent(Transient):
    """A body that comes only once was asked for again, after a login for example."""


class _Passing:
    """Content that is on its way, and can be sent once."""

    def __init__(self, size: int, chunks: Iterable[bytes]) -> None:
        self.size = size
        self._chunks = iter(chunks)
        self._sent = False

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        if self._sent:
            raise Spent("the upload has to begin again")
        self._sent = True
        return self._chunks


class Upload:
    """One upload at a time into one repository."""

    def __init__(self, session: Session, repository: str, scopes: Scopes) -> None:
        self._session = session
        self._path = f"/v2/{repository}/blobs/uploads/"
        self._repository = repository
        self._scopes = scopes
        self._location: Url | None = None

    def mount(self, digest: Digest, source_repository: str) -> bool:
        """One attempt: the blob can be sent as well."""
        query = urlencode({"mount": str(digest), "from": source_repository})
        what = f"the mount of {digest} from {source_repository}"
        with self._session.trying(self._ask("POST", self._session.url(f"{self._path}?{query}"), what)) as response:
            if response.status_code == 201:
                return True
            self._location = _location(response, self._session.url(self._path))
        self._cancel()
        return False

    def put(self, digest: Digest, content: Content, is_there: Callable[[], bool]) -> None:
        self._session.persist(lambda: self._send(digest, content), is_there)

    def stream(self, digest: Digest, size: int, chunks: Iterable[bytes]) -> None:
        """One attempt with bytes that come only once; Transient where another may help."""
        self._location = self._started()
        self._finish(digest, _Passing(size, chunks), 0)

    def _send(self, digest: Digest, content: Content) -> None:
        start = self._received(content.size)
        if not start:
            self._location = self._started()
        elif start < content.size:
            self._patch(digest, content, start)
            start = content.size
        self._finish(digest, content, start)

    def _started(self) -> Url:
        url = self._session.url(self._path)
        with self._session.asking(self._ask("POST", url, f"an upload to {self._repository}")) as response:
            return _location(response, url)

    def _received(self, size: int) -> int:
        """How much of an interrupted upload the registry kept; 0 where a new one must begin."""
        if self._location is None:
            return 0
        try:
            with self._session.trying(self._ask("GET", self._location, "the state of an upload")) as response:
                found = _RANGE.fullmatch(response.headers.get("range", ""))
                self._location = _location(response, self._location)
        except OccystrapError:
            return 0
        # "0-0" is what an upload of nothing says as well.
        end = int(found[1]) + 1 if found and int(found[1]) else 0
        return end if end <= size else 0

    def _patch(self, digest: Digest, content: Content, start: int) -> None:
        assert self._location is not None
        headers = {"Content-Range": f"{start}-{content.size - 1}"}
        url = self._location
        with self._session.trying(self._ask("PATCH", url, _what(digest), headers, content, start)) as response:
            self._location = _location(response, url)

    def _finish(self, digest: Digest, content: Content, start: int) -> None:
        assert self._location is not None
        url = self._location.with_query(f"digest={quote(str(digest), safe='')}")
        with self._session.trying(self._ask("PUT", url, _what(digest), {}, content, start)) as response:
            claimed = claimed_digest(response.headers)
            if claimed and claimed.algorithm == digest.algorithm and claimed != digest:
                raise DigestMismatch(f"the registry calls the blob {digest} by another name: {claimed}")

    def _cancel(self) -> None:
        if self._location:
            with suppress(OccystrapError), self._session.trying(self._ask("DELETE", self._location, "an upload")):
                pass
        self._location = None

    def _ask(
        self,
        method: str,
        url: Url,
        what: str,
        headers: dict[str, str] | None = None,
        content: Content | None = None,
        start: int = 0,
    ) -> Ask:
        if content is None:
            return Ask(method, url, what, self._scopes, headers or {}, accept=_DONE)
        length = {"Content-Length": str(content.size - start), **_OCTETS}

        def body() -> Iterable[bytes]:
            return content.chunks(start)

        return Ask(method, url, what, self._scopes, {**(headers or {}), **length}, body, _DONE)


def _what(digest: Digest) -> str:
    return f"the upload of {digest}"


def _location(response: Response, asked: Url) -> Url:
    location = response.headers.get("location")
    if not location:
        raise TransferError("the registry does not say where to upload to")
    target = asked.join(location)
    if asked.origin.scheme == "https" and target.origin.scheme != "https":
        raise TransferError(f"{asked.origin} wants an upload to {target.origin}, without TLS")
    return target

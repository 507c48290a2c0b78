"""A session with one registry: requests that log in, follow redirects and are tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from email.utils import parsedate_to_datetime
from time import time

from occystrap_core.kit.distribution.auth import Login, Scopes
from occystrap_core.kit.distribution.failures import MAX_ERROR_BODY, Transient, server_words, shown
from occystrap_core.kit.distribution.http import HttpClient, Response, read_capped
from occystrap_core.kit.distribution.origin import Origin, Url
from occystrap_core.kit.distribution.retry import RateLimit, RetryPolicy
from occystrap_core.model.errors import AccessDenied, NotFound, OccystrapError, TransferError
from occystrap_core.model.value import value

MAX_REDIRECTS = 10
_MAX_LOGINS = 5
_log = logging.getLogger(__name__)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_FINAL = "MANIFEST_BLOB_UNKNOWN"  # some registries say it with a 5xx, though it will be no better next time


@value
class Ask:
    """One thing asked of a registry.

    `what` names it in errors: "the manifest a/b:c". `accept` are the statuses that are an
    answer, everything else raises. `body` is called for each attempt; its length stands in
    `headers`.
    """

    method: str
    url: Url
    what: str
    scopes: Scopes = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], Iterable[bytes]] | None = None
    accept: frozenset[int] = frozenset({200})


class Session:
    """Threads may share it."""

    def __init__(
        self, home: Origin, http: HttpClient, login: Login, policy: RetryPolicy, rate_limit: RateLimit
    ) -> None:
        self.home = home
        self.policy = policy
        self._http = http
        self._login = login
        self._rate_limit = rate_limit

    def url(self, path: str) -> Url:
        return Url(self.home, path)

    @contextmanager
    def asking(self, ask: Ask) -> Iterator[Response]:
        """The answer, after as many attempts as it takes or the settings allow."""
        attempts = self.policy.begin()
        while True:
            try:
                response = self.open(ask)
                break
            except Transient as error:
                attempts.failed(error)
        try:
            yield response
        finally:
            response.close()

    @contextmanager
    def trying(self, ask: Ask) -> Iterator[Response]:
        """As `asking`, with a single attempt: for callers that do something else after a failure."""
        response = self.open(ask)
        try:
            yield response
        finally:
            response.close()

    def whole(self, ask: Ask, limit: int, what: str) -> tuple[Mapping[str, str], bytes]:
        """The headers of the answer and its body, which `what` names; one that breaks off is asked for again."""
        attempts = self.policy.begin()
        while True:
            try:
                with self.trying(ask) as response:
                    return response.headers, read_capped(response, limit, what)
            except Transient as error:
                attempts.failed(error)

    def persist(self, act: Callable[[], None], is_done: Callable[[], bool]) -> None:
        """`act` until it succeeds; a failure after which `is_done` says yes was none."""
        attempts = self.policy.begin()
        while True:
            try:
                return act()
            except Transient as error:
                if _asked(is_done):
                    return None
                attempts.failed(error)

    def open(self, ask: Ask) -> Response:
        response, answering = self._logged_in(ask)
        if response.status_code in ask.accept:
            return response
        raise self._refusal(ask, response, _drained(response), answering)

    def interrupt(self) -> None:
        self._http.interrupt()

    def close(self) -> None:
        self._http.close()

    def _logged_in(self, ask: Ask) -> tuple[Response, Origin]:
        for logins_left in range(_MAX_LOGINS, -1, -1):
            # What lies elsewhere, an upload's Location or a redirect's end, never sees our credentials.
            authorization = self._login.authorization(ask.scopes) if ask.url.origin == self.home else ""
            response, origin = self._followed(ask, authorization)
            if response.status_code != 401 or origin != self.home or not logins_left:
                break
            challenges = response.headers.get_list("www-authenticate")
            if not self._login.answer(challenges, ask.scopes, authorization):
                break
            _drained(response)
        return response, origin

    def _followed(self, ask: Ask, authorization: str) -> tuple[Response, Origin]:
        for _ in range(MAX_REDIRECTS + 1):
            response = self._sent(ask, authorization)
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or not location:
                return response, ask.url.origin
            _drained(response)
            ask, authorization = self._redirected(ask, location, authorization)
        raise TransferError(f"{self.home.netloc} redirects more than {MAX_REDIRECTS} times: {ask.what}")

    def _redirected(self, ask: Ask, location: str, authorization: str) -> tuple[Ask, str]:
        target = ask.url.join(location)
        if ask.method not in ("GET", "HEAD"):
            raise TransferError(f"{self.home.netloc} redirects a {ask.method} to {target.origin}: {ask.what}")
        if ask.url.origin.scheme == "https" and target.origin.scheme != "https":
            raise TransferError(f"{self.home.netloc} redirects to {target.origin}, without TLS: {ask.what}")
        return replace(ask, url=target), authorization if target.origin == self.home else ""

    def _sent(self, ask: Ask, authorization: str) -> Response:
        self._rate_limit.wait(self._http.pause)
        self.policy.traffic.requested()
        headers = {**ask.headers, "Authorization": authorization} if authorization else ask.headers
        response = self._http.open(ask.method, ask.url, headers, ask.body() if ask.body else None)
        # Queries are left out: those of storage servers are as good as a password.
        path = ask.url.target.partition("?")[0]
        _log.debug("%s %s%s: %d", ask.method, ask.url.origin, shown(path), response.status_code)
        return response

    def _refusal(self, ask: Ask, response: Response, body: bytes, origin: Origin) -> OccystrapError:
        status, host = response.status_code, origin.netloc
        words = server_words(body)
        said = f"{status}: {words}" if words else f"{status} {response.reason_phrase}".rstrip()
        if status in _TRANSIENT and _FINAL not in words:
            return _transient(response, f"{host} answers {said}: {ask.what}")
        if status in (401, 403):
            return AccessDenied(f"{host} denies access to {ask.what} ({said})", hint=self._login.hint())
        if status == 404:
            return NotFound(f"{host} does not have {ask.what} ({said})")
        if status == 400 and "HTTPS" in words:
            return TransferError(f"{host} wants TLS", hint="add ?insecure=false")
        return TransferError(f"{host} answers {said}: {ask.what}")


def _transient(response: Response, message: str) -> Transient:
    error = Transient(message)
    error.is_rate_limit = response.status_code == 429
    error.after = _retry_after(response.headers.get("retry-after"))
    return error


def _asked(is_done: Callable[[], bool]) -> bool:
    try:
        return is_done()
    except TransferError:
        return False


def _drained(response: Response) -> bytes:
    """The body of an answer that is no success, at most as much as an error may need."""
    try:
        return read_capped(response, MAX_ERROR_BODY, "the answer")
    except OccystrapError:
        return b""
    finally:
        response.close()


def _retry_after(value: str | None) -> float | None:
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (ValueError, TypeError, OverflowError):
        return None

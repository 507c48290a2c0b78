"""Logging in: Bearer tokens and Basic, asked for only when the registry wants them."""

from __future__ import annotations

import logging
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from occystrap_core.kit.distribution.credentials import Credentials
from occystrap_core.kit.distribution.failures import MAX_ERROR_BODY, Transient, server_words, shown
from occystrap_core.kit.distribution.http import HttpClient, Response, read_capped
from occystrap_core.kit.distribution.origin import Origin, Url
from occystrap_core.kit.distribution.realm import checked_realm, may_see_credentials
from occystrap_core.model import strict_json
from occystrap_core.model.errors import AccessDenied, InvalidJson, TransferError
from occystrap_core.model.value import value

if TYPE_CHECKING:  # a registry that asks for no login sends no challenge
    from occystrap_core.kit.distribution.challenge import Challenge

Scopes = tuple[str, ...]
CLIENT_ID = "occystrap"
_SHORTEST_LIFE = 60.0
_log = logging.getLogger(__name__)


@value
class _Token:
    authorization: str
    expires: float

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() < self.expires


class Login:
    """The login at one registry. Its threads share it: one asks for a token, the others wait.

    `find_credentials` is called once, and only if the registry asks who we are.
    `allowed_hosts` may see the credentials although they are none of the registry's own.
    """

    def __init__(
        self,
        registry: Origin,
        http: HttpClient,
        find_credentials: Callable[[], Credentials | None],
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._registry = registry
        self._http = http
        self._find = find_credentials
        self._allowed_hosts = allowed_hosts
        self._lock = threading.RLock()
        self._credentials: Credentials | None = None
        self._looked_up = False
        self._challenge: Challenge | None = None
        self._basic = ""
        self._tokens: dict[Scopes, _Token] = {}
        self._withheld_from = ""

    def authorization(self, scopes: Scopes) -> str:
        """The header's value for a request to the registry; empty before it asked for one."""
        with self._lock:
            token = self._tokens.get(scopes)
            if token and token.is_fresh:
                return token.authorization
            if self._challenge:
                return self._new_token(self._challenge, scopes)
            return self._basic

    def answer(self, challenges: list[str], scopes: Scopes, refused: str) -> bool:
        """Get ready for another attempt after a 401 for a request that carried `refused`.

        False when another attempt would be refused as well."""
        from occystrap_core.kit.distribution.challenge import parse_challenges

        with self._lock:
            if refused != self._current(scopes):
                return True  # another thread has logged in meanwhile
            offered = {challenge.scheme: challenge for challenge in reversed(parse_challenges(challenges))}
            if "bearer" in offered:
                return self._use_bearer(offered["bearer"], scopes, refused)
            if "basic" in offered:
                return self._use_basic(refused)
            if refused:
                return False
            raise AccessDenied(self._unsupported(list(offered)))

    def hint(self) -> str:
        """What a person may do about a refusal."""
        if self._withheld_from:
            return (
                f"the credentials were not sent to {self._withheld_from}, which is another site; "
                f"auth_host={self._withheld_from} allows it"
            )
        if not self._looked_up or self._credentials is None:
            return "give --username and --password, or log in with docker login"
        return f"the credentials are those from {self._credentials.origin}"

    def _current(self, scopes: Scopes) -> str:
        token = self._tokens.get(scopes)
        return token.authorization if token else self._basic

    def _known_credentials(self) -> Credentials | None:
        if not self._looked_up:
            self._credentials = self._find()
            self._looked_up = True
        return self._credentials

    def _use_bearer(self, challenge: Challenge, scopes: Scopes, refused: str) -> bool:
        if refused and challenge.parameters.get("error") == "insufficient_scope":
            return False
        self._challenge = challenge
        self._new_token(challenge, scopes)
        return True

    def _use_basic(self, refused: str) -> bool:
        credentials = self._known_credentials()
        if refused or credentials is None or credentials.identity_token:
            return False
        self._basic = _basic(credentials)
        return True

    def _unsupported(self, offered: list[str]) -> str:
        ways = ", ".join(shown(scheme) for scheme in offered) or "no way at all"
        return f"{self._registry.netloc} offers {ways} to log in; Bearer and Basic are what we can do"

    def _new_token(self, challenge: Challenge, scopes: Scopes) -> str:
        asked = time.monotonic()
        answer = self._ask(challenge, scopes)
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise AccessDenied(f"the login of {self._registry.netloc} gives no token", hint=self.hint())
        life = answer.get("expires_in")
        seconds = float(life) if isinstance(life, (int, float)) and life > 0 else _SHORTEST_LIFE
        self._tokens[scopes] = _Token(f"Bearer {token}", asked + seconds * 0.9)
        return f"Bearer {token}"

    def _ask(self, challenge: Challenge, scopes: Scopes) -> Mapping[str, object]:
        realm = checked_realm(challenge.parameters.get("realm", ""), self._registry)
        parameters = [("service", challenge.parameters["service"])] if "service" in challenge.parameters else []
        parameters += [("scope", scope) for scope in scopes or _scopes_of(challenge)]
        credentials = self._credentials_for(realm)
        if credentials and credentials.identity_token:
            return self._refresh(realm, parameters, credentials.identity_token)
        url = realm.with_query(urlencode(parameters)) if parameters else realm
        headers = {"Authorization": _basic(credentials)} if credentials else {}
        with self._http.send("GET", url, headers) as response:
            return self._read_answer(response, realm)

    def _refresh(self, realm: Url, parameters: list[tuple[str, str]], token: str) -> Mapping[str, object]:
        scopes = " ".join(value for key, value in parameters if key == "scope")
        form = {key: value for key, value in parameters if key == "service"}
        form |= {"scope": scopes, "grant_type": "refresh_token", "refresh_token": token, "client_id": CLIENT_ID}
        body = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
        with self._http.send("POST", realm, headers, [body]) as response:
            return self._read_answer(response, realm)

    def _credentials_for(self, realm: Url) -> Credentials | None:
        credentials = self._known_credentials()
        if credentials is None or may_see_credentials(realm.origin, self._registry, self._allowed_hosts):
            return credentials
        if not self._withheld_from:
            self._withheld_from = realm.origin.host
            _log.warning("%s: logging in anonymously; %s", self._registry.netloc, self.hint())
        return None

    def _read_answer(self, response: Response, realm: Url) -> Mapping[str, object]:
        what = f"the login answer of {realm.origin.netloc}"
        body = read_capped(response, MAX_ERROR_BODY, what)
        status = response.status_code
        if status == 200:
            try:
                return strict_json.loads_object(body, what)
            except InvalidJson as error:
                raise TransferError(error.message) from None
        if status == 429 or status >= 500:
            raise Transient(f"the login at {realm.origin.netloc} answers {status}: {server_words(body)}")
        words = server_words(body)
        raise AccessDenied(
            f"the login at {realm.origin.netloc} is refused ({status}{': ' + words if words else ''})", hint=self.hint()
        )


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _scopes_of(challenge: Challenge) -> list[str]:
    return challenge.parameters.get("scope", "").split()

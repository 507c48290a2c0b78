"""Who may come in."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import parse_qs

from occystrap_core.kit.distribution.server.gate import BasicGate, Gate, basic

__all__ = ["TOKEN_PATH", "BasicGate", "Gate", "TokenGate", "basic"]

TOKEN_PATH = "/token"  # noqa: S105 - where tokens are given, not one


@dataclass(slots=True)
class TokenGate:
    """Bearer tokens, handed out at the registry's own /token or wherever `realm` says.

    Without `users` anybody gets one. A token is good for `uses` requests (None: any number)
    and `lifetime` seconds, and is called `key` in the answer. `identity` is a refresh token
    that is as good as a password. `format` is the challenge, with {realm} in it.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    lifetime: float = 300.0
    uses: int | None = None
    key: str = "token"
    realm: str = ""
    identity: str = ""
    announced_lifetime: float | None = None
    format: str = 'Bearer realm="{realm}",service="test, \\"quoted\\"",scope="repository:any:pull,push"'
    given: list[str] = field(default_factory=list)
    asked_scopes: list[tuple[str, ...]] = field(default_factory=list)
    _alive: dict[str, list[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: count[int] = field(default_factory=count)

    def challenge(self, authorization: str, host: str) -> str:
        return "" if self._admits(authorization) else self.format.format(realm=self.realm or f"{host}{TOKEN_PATH}")

    def answer(self, query: str, authorization: str, form: str) -> dict[str, object] | None:
        """The JSON of a token request's answer; None for a refusal."""
        fields = parse_qs(form)
        by_identity = bool(self.identity) and fields.get("refresh_token") == [self.identity]
        if self.users and not by_identity and not self._knows(authorization):
            return None
        with self._lock:
            token = f"token-{next(self._numbers)}"
            self.given.append(token)
            self.asked_scopes.append(tuple(parse_qs(query).get("scope", fields.get("scope", []))))
            self._alive[token] = [-1 if self.uses is None else self.uses, time.monotonic() + self.lifetime]
        announced = self.lifetime if self.announced_lifetime is None else self.announced_lifetime
        return {self.key: token, "expires_in": announced}

    def _admits(self, authorization: str) -> bool:
        with self._lock:
            alive = self._alive.get(authorization.removeprefix("Bearer "))
            if alive is None or not alive[0] or time.monotonic() > alive[1]:
                return False
            alive[0] -= 1
            return True

    def _knows(self, authorization: str) -> bool:
        return not BasicGate(self.users).challenge(authorization, "")

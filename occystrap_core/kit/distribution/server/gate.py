"""Who may come in."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol


class Gate(Protocol):
    def challenge(self, authorization: str, host: str) -> str:
        """Empty for whoever may come in; else what WWW-Authenticate says."""
        ...


@dataclass(frozen=True, slots=True)
class BasicGate:
    """Users and their passwords, sent with every request."""

    users: Mapping[str, str] = field(repr=False)

    def challenge(self, authorization: str, host: str) -> str:
        # Every user is compared, so that the time taken tells nothing.
        known = [
            compare_digest(basic(user, password).encode(), authorization.encode())
            for user, password in self.users.items()
        ]
        return "" if any(known) else 'Basic realm="occystrap"'


def basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"

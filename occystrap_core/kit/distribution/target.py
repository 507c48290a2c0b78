"""What follows `registry://`."""

from __future__ import annotations

from dataclasses import field
from typing import Protocol
from urllib.parse import unquote

from occystrap_core.contracts.address import Address
from occystrap_core.contracts.settings import Settings
from occystrap_core.kit.distribution.client import Access
from occystrap_core.model.errors import UsageError
from occystrap_core.model.reference import Reference
from occystrap_core.model.value import value


class AccessOptions(Protocol):
    """What a URI may say about the way to its registry, whether it is read from or written to."""

    @property
    def insecure(self) -> bool | None: ...

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> str: ...

    @property
    def auth_host(self) -> tuple[str, ...]: ...

    @property
    def max_workers(self) -> int | None: ...


@value
class Target:
    """`[user:pass@]HOST[:PORT]/NAME[:TAG][@DIGEST]`, taken apart."""

    reference: Reference
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, address: Address) -> Target:
        authority, slash, rest = address.target.partition("/")
        user, _, host = authority.rpartition("@")
        _require_port_in(host)
        username, _, password = user.partition(":")
        return cls(Reference.located(f"{host}{slash}{rest}"), unquote(username), unquote(password))

    def access(self, options: AccessOptions, settings: Settings) -> Access:
        """A login before the host is nearer than one among the options."""
        return Access(
            settings,
            insecure=options.insecure,
            username=self.username or options.username,
            password=self.password or options.password,
            auth_hosts=options.auth_host,
            max_transfers=options.max_workers,
        )


def _require_port_in(host: str) -> None:
    """What looks like a port may be half of a password, so it is not shown."""
    _, colon, port = host.rpartition(":")
    if colon and not host.endswith("]") and not port.isdigit():
        raise UsageError(
            "what stands after the host's colon is no port",
            hint="in a password, write %2F for a slash, %3F for a question mark and %40 for an @",
        )

"""What follows `registry://`."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

from occystrap_core.contracts.address import Address
from occystrap_core.model.errors import UsageError
from occystrap_core.model.reference import Reference


@dataclass(frozen=True, slots=True)
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


def _require_port_in(host: str) -> None:
    """What looks like a port may be half of a password, so it is not shown."""
    _, colon, port = host.rpartition(":")
    if colon and not host.endswith("]") and not port.isdigit():
        raise UsageError(
            "what stands after the host's colon is no port",
            hint="in a password, write %2F for a slash, %3F for a question mark and %40 for an @",
        )

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
        user, at, host = authority.rpartition("@")
        if not at and "@" in rest and ":" in authority and not authority.rpartition(":")[2].isdigit():
            # Said before anything is shown: what looks like a port may be half of a password.
            raise UsageError("the password in the URI is not percent-encoded", hint="write %2F for a slash in it")
        username, _, password = user.partition(":")
        return cls(Reference.located(f"{host}{slash}{rest}"), unquote(username), unquote(password))

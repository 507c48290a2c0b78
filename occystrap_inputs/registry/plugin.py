"""registry:// as a source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import InputSpec, hookimpl, option


@dataclass(frozen=True, slots=True)
class RegistryInputOptions:
    """Platform and login of this source alone; empty ones are those of the global options."""

    os: str = option("", help="operating system to take from a multi-platform image")
    arch: str = option("", help="architecture to take from a multi-platform image", aliases=("architecture",))
    variant: str = option("", help="variant of the architecture")
    username: str = option("", help="user at this registry")
    password: str = option("", help="password at this registry", secret=True)
    insecure: bool | None = option(
        None, help="plain HTTP (true) or TLS (false); this machine's registries default to HTTP"
    )
    max_workers: int | None = option(None, help="at most so many layers to fetch at a time, fewer than --parallel")
    auth_host: tuple[str, ...] = option((), help="other hosts that may be sent the password to log in")


@hookimpl
def occystrap_inputs() -> Iterable[InputSpec]:
    yield InputSpec(
        name="registry",
        summary="an image in a registry",
        implementation="occystrap_inputs.registry.input:RegistryInput",
        options=RegistryInputOptions,
        grammar="registry://[USER:PASSWORD@]HOST[:PORT]/NAME[:TAG][@DIGEST]",
    )

"""registry:// as a destination."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from occystrap_core.contracts import OutputSpec, VerifierSpec, hookimpl, option
from occystrap_core.model.media_types import Compression, Family


@dataclass(frozen=True, slots=True)
class RegistryOutputOptions:
    """Login and form of this destination alone; empty ones are those of the global options."""

    username: str = option("", help="user at this registry")
    password: str = option("", help="password at this registry", secret=True)
    insecure: bool | None = option(
        None, help="plain HTTP (true) or TLS (false); this machine's registries default to HTTP"
    )
    compression: Compression | None = option(None, help="store every layer so; by default layers stay as they are")
    format: Family | None = option(None, help="write documents of this family; by default they keep theirs")
    max_workers: int | None = option(None, help="at most so many layers to send at a time, fewer than --parallel")
    auth_host: tuple[str, ...] = option((), help="other hosts that may be sent the password to log in")


@hookimpl
def occystrap_outputs() -> Iterable[OutputSpec]:
    yield OutputSpec(
        name="registry",
        summary="an image in a registry",
        implementation="occystrap_outputs.registry.output:RegistryOutput",
        options=RegistryOutputOptions,
        grammar="registry://[USER:PASSWORD@]HOST[:PORT]/NAME[:TAG][@DIGEST]",
    )


@hookimpl
def occystrap_verifiers() -> Iterable[VerifierSpec]:
    yield VerifierSpec(
        name="registry",
        summary="the registry has every document and blob that was pushed",
        implementation="occystrap_outputs.registry.verifier:RegistryVerifier",
        schemes=("registry",),
    )

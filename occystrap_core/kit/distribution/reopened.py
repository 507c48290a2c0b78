"""How a verifier gets at the registry that the engine opened again for it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from occystrap_core.kit.distribution.client import RegistryClient


@runtime_checkable
class ReadsFromRegistry(Protocol):
    """An input whose client can be asked for more than the contract knows: sizes without bytes."""

    client: RegistryClient

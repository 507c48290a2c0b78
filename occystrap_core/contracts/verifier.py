"""The verifier contract: is what was written really there, and right?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from occystrap_core.contracts.filter import DeclaredChanges
from occystrap_core.contracts.finding import Finding
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.output import Receipt
from occystrap_core.contracts.settings import Settings
from occystrap_core.model.document import Document
from occystrap_core.model.image import Image
from occystrap_core.model.layer import SealedLayer


class Depth(StrEnum):
    """QUICK looks at presence and sizes; FULL reads every byte back."""

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class WrittenImage:
    """One image: as it was at the source, and as it was written."""

    source: Image
    manifest: Document
    config: Document
    layers: tuple[SealedLayer, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """Everything one run wrote. `reopen_source` and `reopen_destination` give fresh inputs,
    None where that is not possible (a pipe); who calls them closes them."""

    receipt: Receipt
    images: tuple[WrittenImage, ...]
    documents: tuple[Document, ...]
    filters: tuple[DeclaredChanges, ...]
    settings: Settings
    reopen_source: Callable[[], Input] | None
    reopen_destination: Callable[[], Input] | None


class Verifier(Protocol):
    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        """Errors mean the result is not what was meant; warnings, that this could not be found out.

        Finding nothing wrong is no finding at all."""
        ...

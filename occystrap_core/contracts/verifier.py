"""The verifier contract: is what was written really there, and right?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from occystrap_core.contracts.filter import DeclaredChanges
from occystrap_core.contracts.finding import Finding
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.output import Receipt
from occystrap_core.contracts.settings import Settings
from occystrap_core.model.digest import Digest
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
    None where that is not possible (a pipe); who calls them closes them.

    `read_back` are the blobs that an earlier verifier of this run has read at the destination,
    every byte, and found right: they need not be read again. Verifiers that answer for every
    destination come before the destination's own.
    """

    receipt: Receipt
    images: tuple[WrittenImage, ...]
    documents: tuple[Document, ...]
    filters: tuple[DeclaredChanges, ...]
    settings: Settings
    reopen_source: Callable[[], Input] | None
    reopen_destination: Callable[[], Input] | None
    read_back: set[Digest] = field(default_factory=set, compare=False)


class Verifier(Protocol):
    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        """Errors mean the result is not what was meant; warnings, that this could not be found out.

        Finding nothing wrong is no finding at all."""
        ...

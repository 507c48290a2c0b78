"""Inputs whose blobs come before the documents that name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from occystrap_core.contracts.input import Chunk
from occystrap_core.model.digest import Digest
from occystrap_core.model.platform import Platform
from occystrap_core.model.value import value


@value
class Arrival:
    """A blob that its source sends before the documents that name it.

    `head` is how it begins: 512 bytes at least, or all of it. `chunks` is all of it, and can be
    read once. `digest` is what the source calls it, where it does: nothing is checked yet.
    """

    size: int
    head: bytes
    chunks: Iterable[Chunk]
    digest: Digest | None = None


Take = Callable[[Arrival], bool]
"""Whether the blob was taken. If so, what is left of its chunks is not wanted; if not, none were read."""


@runtime_checkable
class Delivering(Protocol):
    """An input that may hand its blobs on as they come, instead of putting them aside. Optional."""

    def deliver(self, take: Take) -> None:
        """Called once at most, and then before `root`: offer every blob to `take`, in whatever order and on
        whatever threads they come, and return when all of them have come.

        What `take` raises ends it. What was taken need not be kept, but `blob` still finds it, however long
        that takes.
        """
        ...


@runtime_checkable
class KnowsItsPlatform(Protocol):
    """An input of one image that can tell what it is for before it sends any of it. Optional."""

    def platform(self) -> Platform | None:
        """What the config of the image says; None where that is not certain, or where there may be several images."""
        ...

"""What one image of an archive is made of, whichever form it was saved in."""

from __future__ import annotations

from typing import Protocol

from occystrap_core.kit.docker_archive.members import Member
from occystrap_core.model.descriptor import Descriptor


class ArchivedImage(Protocol):
    """`notes` are sentences about what is odd but readable. `unpacked` is as in InputTraits."""

    @property
    def unpacked(self) -> bool: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def root(self) -> Descriptor: ...

    def document(self, descriptor: Descriptor) -> bytes: ...

    def blob(self, descriptor: Descriptor) -> Member: ...

"""What an input may tell about the manifests that name another one as their `subject`. Optional."""

from __future__ import annotations

from typing import Protocol

from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.value import value


@value
class Referrers:
    """`trouble` says why there may be more than was `found`; empty where that is all."""

    found: tuple[Descriptor, ...]
    trouble: str = ""


class HasReferrers(Protocol):
    """An input with this method is asked by `info`. It reads documents only, and as few as it can."""

    def referrers(self, digest: Digest) -> Referrers:
        """Signatures, SBOMs and the like of the image or index with this digest. May raise any
        OccystrapError, which is then no failure."""
        ...

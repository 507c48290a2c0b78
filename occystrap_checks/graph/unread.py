"""What keeps a blob from being read, as opposed to what is wrong with its bytes."""

from __future__ import annotations

from occystrap_core.contracts import LayerFacts
from occystrap_core.model.errors import AccessDenied, InvalidImage, NotFound, TransferError

UNREAD = (NotFound, AccessDenied, TransferError, InvalidImage)
"""The last is what a source says of a blob that is there as something else than a file."""


def broke_off(facts: LayerFacts) -> bool:
    """Whether a layer could be read up to somewhere, and no further."""
    return isinstance(facts.damage, UNREAD) and facts.size > 0

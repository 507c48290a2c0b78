"""What keeps a blob from being read, as opposed to what is wrong with its bytes."""

from __future__ import annotations

from occystrap_core.contracts import LayerFacts
from occystrap_core.model.errors import AccessDenied, NotFound, TransferError

UNREAD = (NotFound, AccessDenied, TransferError)


def broke_off(facts: LayerFacts) -> bool:
    """Whether a layer could be read up to somewhere, and no further."""
    return isinstance(facts.damage, UNREAD) and facts.size > 0

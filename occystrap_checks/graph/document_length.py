"""How long a document is, and how long it may be."""

from __future__ import annotations

from occystrap_checks.lenient import is_whole_number
from occystrap_core.contracts import FoundDocument

MOST = 4 * 1024 * 1024


def length_of(document: FoundDocument) -> int:
    """The real length; what the descriptor says where the document was not read."""
    if document.raw is not None:
        return len(document.raw)
    size = document.reference.get("size")
    return size if is_whole_number(size) else 0

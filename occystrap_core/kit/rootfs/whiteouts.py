"""The names by which a layer says that something of an older layer is gone."""

from __future__ import annotations

from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown

PREFIX = b".wh."
OPAQUE_MARKER = b".wh..wh..opq"
_BOOKKEEPING = b".wh..wh."


def is_bookkeeping(path: bytes) -> bool:
    """Whether this is one of the files that AUFS kept beside its whiteouts."""
    return any(part.startswith(_BOOKKEEPING) and part != OPAQUE_MARKER for part in path.split(b"/"))


def hidden_name(name: bytes) -> bytes | None:
    """What the whiteout `name` hides in its directory; None for a name that is no whiteout."""
    if not name.startswith(PREFIX):
        return None
    hidden = name[len(PREFIX) :]
    if hidden in (b"", b".", b".."):
        raise InvalidImage(f"the whiteout {shown(name)} hides no name")
    return hidden

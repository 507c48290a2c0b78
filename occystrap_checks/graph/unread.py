"""What keeps a blob from being read, as opposed to what is wrong with its bytes."""

from __future__ import annotations

from occystrap_core.model.errors import AccessDenied, NotFound, TransferError

UNREAD = (NotFound, AccessDenied, TransferError)

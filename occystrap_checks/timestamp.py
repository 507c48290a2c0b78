"""Times as RFC 3339 writes them, which is what Go reads: stricter than Python's ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII
)  # Go takes neither lower-case letters nor a space


def seconds_of(text: str) -> float | None:
    """Seconds since 1970, None where `text` is no such time."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    try:
        moment = datetime.fromisoformat(found[1] + zone)
    except ValueError:
        return None
    return (moment - _EPOCH).total_seconds()


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

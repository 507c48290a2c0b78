"""What comes out of an image, fit to stand in a sentence for a person."""

from __future__ import annotations

MAX_SHOWN = 160


def shown(value: object) -> str:
    """`value` in one line: text and paths as they are, with what cannot be printed escaped, cut
    where it gets long; anything else as Python writes it.

    >>> shown(b"etc/caf\\xc3\\xa9\\x1b[2J\\xff")
    'etc/café\\\\x1b[2J\\\\xff'
    """
    if isinstance(value, bytes):
        value = value[: MAX_SHOWN * 4].decode("utf-8", "backslashreplace")
    text = value if isinstance(value, str) else repr(value)
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]}…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

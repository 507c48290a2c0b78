"""Finding an expression in a file of any size, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from occystrap_core.contracts.input import Chunk

CONTEXT = 1 << 10
"""What an expression may look at before and after what it matches."""

MAX_MATCH = 64 << 10
"""A longer match may be missed, or end early, where it crosses the border of two pieces."""

PIECE = 1 << 20

_SHOWN = 160


@dataclass(frozen=True, slots=True)
class ContentMatch:
    """The first place in a file where the expression matches, and the beginning of what it matches."""

    offset: int
    text: str


def first_match(expression: re.Pattern[bytes], chunks: Iterable[Chunk]) -> ContentMatch | None:
    """Where chunks end makes no difference: what may go on in the next piece is looked at again with it.

    A window begins with up to CONTEXT bytes that are decided: searching starts behind them, so
    that `^` and what looks back see what really stands there.
    """
    window, begin, offset = b"", 0, 0
    for piece in _pieces(chunks):
        window += piece
        found = expression.search(window, begin)
        if found and (found.end() + CONTEXT <= len(window) or len(window) - found.start() > PIECE + MAX_MATCH):
            return _told(found, offset)
        undecided = found.start() if found else max(begin, len(window) - MAX_MATCH)
        cut = max(0, undecided - CONTEXT)
        window, offset, begin = window[cut:], offset + cut, undecided - cut
    last = expression.search(window, begin)
    return _told(last, offset) if last else None


def _pieces(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        if len(gathered) >= PIECE:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


def _told(found: re.Match[bytes], offset: int) -> ContentMatch:
    text = found[0][:_SHOWN].decode("utf-8", "backslashreplace")
    return ContentMatch(offset + found.start(), text)

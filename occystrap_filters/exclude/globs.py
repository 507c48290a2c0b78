"""Globs of paths, as one regular expression.

    *        any characters, `/` included
    ?        one character, `/` included
    [a-z]    one of these; [!a-z] one that is not
    **/      at the beginning or after a `/`: any number of directories, also none
    a/**     everything below a, but not a itself

A pattern that matches a directory matches everything below it. A `/` or `./` in front and a
`/` at the end make no difference. Bytes of a path that are not UTF-8 count as one character each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from occystrap_core.model.errors import OptionError

_DIRECTORIES = re.compile(r"(?:\*{2,}/)+")
_STARS = re.compile(r"\*+")
_CLASS = re.compile(r"\[!?+\]?+[^\]]*+\]")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Fixed text behind a gap: "" for none, `*` for any characters, `**/` for any directories."""

    gap: str
    fixed: str


def compile_globs(patterns: Iterable[str]) -> Callable[[str], re.Match[str] | None]:
    """A test of paths that have no leading or trailing `/`."""
    alternatives = "|".join(_translated(pattern) for pattern in patterns)
    # The end of the path, or of one of the directories above it.
    return re.compile(rf"(?s:{alternatives})(?:/|\Z)").match


def _translated(pattern: str) -> str:
    anchored = re.sub(r"\A(?:\.?/)+", "", pattern).rstrip("/")
    if not anchored:
        raise OptionError(f"option 'pattern': {pattern!r} names no path")
    *earlier, last = _pieces(anchored)
    return "".join(map(_earliest, earlier)) + _anywhere(last)


def _earliest(piece: _Piece) -> str:
    # Where more gaps follow, the first place that fits is as good as any later one, so the
    # group is atomic: without backtracking no pattern takes more than a few passes over a path.
    match piece.gap:
        case "*":
            return f"(?>.*?{piece.fixed})"
        case "**/":
            return f"(?>(?:.*?/)??{piece.fixed})"
        case _:
            return piece.fixed


def _anywhere(piece: _Piece) -> str:
    return {"*": ".*", "**/": "(?:.*/)?"}.get(piece.gap, "") + piece.fixed


def _pieces(pattern: str) -> Iterator[_Piece]:
    gap, fixed = "", ""
    for mark, translated in _marks(pattern):
        if translated is None:
            yield _Piece(gap, fixed)
            gap, fixed = mark, ""
        else:
            fixed += translated
    yield _Piece(gap, fixed)


def _marks(pattern: str) -> Iterator[tuple[str, str | None]]:
    """Each mark with the expression for it, None for a gap."""
    position = 0
    while position < len(pattern):
        mark = _mark_at(pattern, position)
        position += len(mark)
        if mark[0] == "*":
            yield ("**/" if mark.endswith("/") else "*"), None
        elif mark == "?":
            yield mark, "."
        elif mark[0] == "[" and len(mark) > 1:
            yield mark, _one_of(mark[1:-1])
        else:
            yield mark, re.escape(mark)


def _mark_at(pattern: str, position: int) -> str:
    starts_component = position == 0 or pattern[position - 1] == "/"
    found = (
        (_DIRECTORIES.match(pattern, position) if starts_component else None)
        or _STARS.match(pattern, position)
        or _CLASS.match(pattern, position)
    )
    return found[0] if found else pattern[position]


def _one_of(inside: str) -> str:
    negated = inside.startswith("!")
    members = re.findall(r".-.|.", inside[negated:], re.DOTALL)
    kept = [_member(member) for member in members if len(member) == 1 or member[0] <= member[2]]
    if not kept:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{''.join(kept)}]"


def _member(member: str) -> str:
    return re.escape(member) if len(member) == 1 else f"{re.escape(member[0])}-{re.escape(member[2])}"

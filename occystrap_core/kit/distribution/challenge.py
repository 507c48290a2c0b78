"""WWW-Authenticate: what a registry wants to see before it answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from occystrap_core.model.value import value

_WORD = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_WORD})\s*=\s*("(?:[^"\\]|\\.)*"|{_WORD})')
_SCHEME = re.compile(rf"({_WORD})(?:\s+|$|(?=,))")
_LONE_SECRET = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))")
_SEPARATORS = re.compile(r"[\s,]+")


@value
class Challenge:
    """One way to log in. The scheme and the parameters' names are lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Every challenge of these header values, parameters in any order; what is malformed is left out."""
    return [challenge for header in headers for challenge in _challenges(header)]


def _challenges(header: str) -> Iterator[Challenge]:
    position = _after(_SEPARATORS, header, 0)
    while found := _SCHEME.match(header, position):
        parameters, position = _parameters(header, found.end())
        yield Challenge(found[1].lower(), parameters)


def _parameters(header: str, position: int) -> tuple[dict[str, str], int]:
    parameters: dict[str, str] = {}
    while True:
        position = _after(_SEPARATORS, header, position)
        if found := _PARAMETER.match(header, position):
            parameters.setdefault(found[1].lower(), _unquoted(found[2]))
        elif parameters or not (found := _LONE_SECRET.match(header, position)):
            return parameters, position
        elif _SCHEME.match(header, position):
            # Without "=" a lone word is the next scheme, not the first one's secret.
            return parameters, position
        position = found.end()


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value

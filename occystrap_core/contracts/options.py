"""Typed options: a plugin declares a frozen dataclass, the core reads it from text.

    @dataclass(frozen=True, slots=True)
    class ExcludeOptions:
        pattern: tuple[str, ...] = option(required=True, help="globs of paths to drop")

Unknown keys, wrong types and missing values are errors that name the owner, the option and
what was probably meant. A value is what its field's type says and nothing else: a password
`1` stays a string.
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from occystrap_core.model.errors import OptionError
from occystrap_core.model.value import value

Schema = TypeVar("Schema")
Pairs = Iterable[tuple[str, str]]

_REQUIRED = "occystrap_required"
_ALIASES = "occystrap_aliases"
_HELP = "occystrap_help"
_TRUE, _FALSE = frozenset({"true", "yes", "1", "on"}), frozenset({"false", "no", "0", "off"})


def option(
    default: Any = None, *, help: str, required: bool = False, aliases: tuple[str, ...] = (), secret: bool = False
) -> Any:
    """A field of an options dataclass. `aliases` are other keys that users may write; a `secret`
    stays out of the options' repr."""
    metadata = {_HELP: help, _REQUIRED: required, _ALIASES: aliases}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


@value
class OptionDoc:
    """One option as help shows it."""

    name: str
    type: str
    help: str
    required: bool
    default: Any
    aliases: tuple[str, ...]


def parse_options(schema: type[Schema], pairs: Pairs, owner: str, *, escaped: bool = False) -> Schema:
    """Make `schema` from text; `owner` begins every error, for example "filter 'exclude'".

    `escaped` values are those of `split_filter`, where a backslash takes the meaning from a comma.
    """
    names = keys_of(schema)
    hints = get_type_hints(schema) if pairs else {}  # slow, and most runs have no options
    values: dict[str, Any] = {}
    for key, text in pairs:
        name = names.get(canonical(key))
        if name is None:
            raise OptionError(f"{owner}: there is no option {key!r}", hint=_suggestion(key, names))
        value = _read(hints[name], text, f"{owner}: option {key!r}", escaped)
        if name in values and not isinstance(value, tuple):
            raise OptionError(f"{owner}: option {key!r} is given twice")
        values[name] = values.get(name, ()) + value if isinstance(value, tuple) else value
    for field in dataclasses.fields(schema):  # type: ignore[arg-type]  # a schema is a dataclass by contract
        if field.metadata.get(_REQUIRED) and not values.get(field.name):
            raise OptionError(f"{owner}: option {field.name!r} is missing", hint=f"it takes {field.metadata[_HELP]}")
    return schema(**values)


def keys_of(schema: type) -> dict[str, str]:
    """Every key a user may write, in its canonical spelling, and the field it sets."""
    keys: dict[str, str] = {}
    for field in dataclasses.fields(schema):
        for key in (field.name, *field.metadata.get(_ALIASES, ())):
            keys[canonical(key)] = field.name
    return keys


def describe(schema: type) -> tuple[OptionDoc, ...]:
    hints = get_type_hints(schema)
    return tuple(
        OptionDoc(
            name=field.name,
            type=_type_name(hints[field.name]),
            help=field.metadata.get(_HELP, ""),
            required=bool(field.metadata.get(_REQUIRED)),
            default=field.default,
            aliases=field.metadata.get(_ALIASES, ()),
        )
        for field in dataclasses.fields(schema)
    )


def canonical(name: str) -> str:
    """`_` and `-` and the case of a name make no difference to users."""
    return name.strip().lower().replace("_", "-")


def split_filter(text: str, keys_of_filter: Callable[[str], Mapping[str, str]]) -> tuple[str, list[tuple[str, str]]]:
    r"""Split `name:key=value,key=value`; `keys_of_filter(name)` gives the keys that filter knows.

    A comma starts a new option where `word=` follows and any other comma belongs to the value;
    `\,` and `\\` are a comma and a backslash in any case: they are kept for `parse_options`.

    >>> split_filter("exclude:pattern=a,b", lambda name: {"pattern": "pattern"})
    ('exclude', [('pattern', 'a,b')])
    """
    name, colon, rest = text.partition(":")
    name = canonical(name)
    if not name:
        raise OptionError(f"{text!r} is not a filter", hint="write it as name or name:key=value,key=value")
    keys = keys_of_filter(name)
    if not colon:
        return name, []
    pairs: list[tuple[str, str]] = []
    for piece in _pieces(rest):
        key, equals, value = piece.partition("=")
        if equals and (canonical(key) in keys or not pairs or _looks_like_key(key)):
            pairs.append((key, value))
        elif pairs:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]},{piece}")
        else:
            raise OptionError(f"filter {name!r}: {piece!r} is not an option", hint="write it as key=value")
    return name, pairs


def _pieces(text: str) -> list[str]:
    pieces, current, escaped = [], "", False
    for char in text:
        if char == "," and not escaped:
            pieces.append(current)
            current = ""
        else:
            current += char
        escaped = char == "\\" and not escaped
    return [*pieces, current]


def _looks_like_key(key: str) -> bool:
    return key.isascii() and canonical(key).replace("-", "").isalpha()


def _unescape(value: str) -> str:
    return re.sub(r"\\([\\,])", r"\1", value)


def _read(hint: Any, text: str, where: str, escaped: bool) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    if get_origin(hint) is tuple:
        parts = map(_unescape, _pieces(text)) if escaped else text.split(",")
        return tuple(part for part in parts if part)
    text = _unescape(text) if escaped else text
    if hint is bool:
        return _read_bool(text, where)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _read_choice(hint, text, where)
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            kind = "a whole number" if hint is int else "a number"
            raise OptionError(f"{where}: {text!r} is not {kind}") from None
    return Path(text) if hint is Path else text


def _read_bool(text: str, where: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise OptionError(f"{where}: {text!r} is neither true nor false")


def _read_choice(choices: type[Enum], text: str, where: str) -> Enum:
    for choice in choices:
        if str(choice.value) == text.lower():
            return choice
    raise OptionError(f"{where}: {text!r} is none of {', '.join(str(choice.value) for choice in choices)}")


def _suggestion(key: str, names: Mapping[str, str]) -> str:
    if not names:
        return "it has no options"
    import difflib  # only a mistake needs it

    close = difflib.get_close_matches(canonical(key), names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"its options are {', '.join(sorted(set(names.values())))}"


def _type_name(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    if get_origin(hint) is tuple:
        return "list"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "|".join(str(choice.value) for choice in hint)
    return str(getattr(hint, "__name__", hint))

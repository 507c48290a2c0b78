"""The strict JSON that image documents are read with.

Parsers of the same document must not disagree about it, so what some accept and others
do not is refused: repeated keys, keys that differ from a known one only in case, NaN,
giant numbers, byte order marks, deep nesting, anything that is not UTF-8.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from occystrap_core.model.errors import InvalidJson

MAX_BYTES = 4 * 1024 * 1024
MAX_BYTES_JUDGED = 2 * MAX_BYTES
"""How much is read of a document to say that it is too long."""

MAX_DEPTH = 100
MAX_CONTAINERS = 100_000
"""Objects and lists: each takes a hundred times the memory of its two bytes."""

_MAX_INTEGER_DIGITS = 19
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)

_KNOWN_KEYS = frozenset(
    key.casefold()
    for key in (
        "schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations",
        "digest", "size", "platform", "urls", "data", "os", "architecture", "variant", "rootfs", "diff_ids", "type",
        "history", "empty_layer", "created_by", "fsLayers", "signatures", "RepoTags", "imageLayoutVersion",
    )
)  # fmt: skip


_KINDS = {list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}


def loads(raw: bytes, what: str = "document", max_bytes: int = MAX_BYTES) -> Any:
    """Parse `raw`; `what` names it in the error."""
    if len(raw) > max_bytes:
        raise InvalidJson(f"{what} is {len(raw)} bytes long; the limit is {max_bytes}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"{what} is not UTF-8 (byte {error.start})") from None
    require_few_containers(text, what)
    _refuse_deep_nesting(text, what)
    try:
        return json.loads(
            text,
            object_pairs_hook=_unambiguous,
            parse_constant=_refuse_constant,
            parse_int=_bounded_integer,
            parse_float=_finite_float,
        )
    except InvalidJson as error:
        raise InvalidJson(f"{what} {error.message}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidJson(f"{what} is not valid JSON: {error}") from None


def loads_object(raw: bytes, what: str = "document", max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    parsed = loads(raw, what, max_bytes)
    if not isinstance(parsed, dict):
        raise InvalidJson(f"{what} must be a JSON object, not {_KINDS[type(parsed)]}")
    return parsed


def dumps(obj: object) -> bytes:
    """The one way this project writes JSON that is named by its digest."""
    return json.dumps(obj, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def require_few_containers(text: str, what: str) -> None:
    if text.count("[") + text.count("{") <= MAX_CONTAINERS:
        return
    outside_strings = _STRING.sub("", text)
    if outside_strings.count("[") + outside_strings.count("{") > MAX_CONTAINERS:
        raise InvalidJson(f"{what} holds more than {MAX_CONTAINERS} objects and lists")


def _refuse_deep_nesting(text: str, what: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth, in_string, escaped = 0, False, False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidJson(f"{what} is nested deeper than {MAX_DEPTH} levels")
        elif char in "]}":
            depth -= 1


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJson(f"has the key {_repeated(pairs)!r} twice in one object")
    folded: dict[str, str] = {}
    for key in found:
        fold = key.casefold()
        if fold in _KNOWN_KEYS and fold in folded:
            raise InvalidJson(
                f"has the keys {folded[fold]!r} and {key!r} in one object: readers disagree on which counts"
            )
        folded[fold] = key
    return found


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    """The key that comes first of those that come again."""
    counts = Counter(key for key, _ in pairs)
    return next(key for key in counts if counts[key] > 1)


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"holds {name}, which is not JSON")


def _bounded_integer(text: str) -> int:
    if len(text) > _MAX_INTEGER_DIGITS + 1:
        raise InvalidJson(f"holds a number of {len(text)} digits")
    return int(text)


def _finite_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise InvalidJson(f"holds {text[:20]}, a number no reader can keep")
    return number

"""What is wrong with a document's JSON, found in one reading that never gives up early."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from occystrap_checks.lenient import is_image_config
from occystrap_core.contracts import FoundDocument, Role
from occystrap_core.model import strict_json
from occystrap_core.model.errors import InvalidJson

_BOM = b"\xef\xbb\xbf"
LARGEST_EXACT = 2**53
"""Beyond it, readers that keep numbers as floats (JavaScript, jq) read another number."""


@dataclass(slots=True)
class JsonFaults:
    """`syntax` is why it is not JSON, or empty. `repeated` are pairs of keys that stand for one."""

    syntax: str = ""
    repeated: list[tuple[str, str]] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)


def faults_of(document: FoundDocument) -> JsonFaults:
    """An artifact's config may be anything, and a document that is missing has no faults."""
    if document.raw is None or not _must_be_json(document):
        return JsonFaults()
    return _faults(document.raw)


def _must_be_json(document: FoundDocument) -> bool:
    return document.role is not Role.CONFIG or is_image_config(document)


@lru_cache(maxsize=2)
def _faults(raw: bytes) -> JsonFaults:
    faults = JsonFaults()
    if raw.startswith(_BOM):
        faults.syntax = "begins with a byte order mark"
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.syntax = f"is not UTF-8 (byte {error.start})"
        return faults
    try:
        strict_json.require_few_containers(text, "document")
        found = _read(text, faults)
    except InvalidJson as error:
        faults.syntax = error.message.removeprefix("document ")
        return faults
    except RecursionError:
        faults.syntax = faults.syntax or "is nested so deeply that no reader takes it"
        return faults
    except ValueError as error:
        faults.syntax = faults.syntax or f"is not JSON: {error}"
        return faults
    if not isinstance(found, dict):
        faults.syntax = faults.syntax or f"is {_KINDS.get(type(found), 'a number')}, not a JSON object"
    if not (faults.syntax or faults.repeated or faults.numbers):
        faults.syntax = _other_refusal(raw)
    return faults


def _read(text: str, faults: JsonFaults) -> object:
    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        faults.repeated += _repeated([key for key, _ in found])
        return dict(found)

    def integer(digits: str) -> int:
        if len(digits) > 20 or abs(int(digits)) > LARGEST_EXACT:
            faults.numbers.append(digits)
            return 0
        return int(digits)

    def fraction(digits: str) -> float:
        faults.numbers.append(digits)
        return 0.0

    return json.loads(text, object_pairs_hook=pairs, parse_int=integer, parse_float=fraction, parse_constant=_refuse)


def _repeated(keys: list[str]) -> Iterator[tuple[str, str]]:
    """Go's reader matches keys without regard to case, so keys of other case are the same to it."""
    seen: dict[str, str] = {}
    for key in keys:
        fold = key.casefold()
        if fold in seen and (seen[fold] == key or fold in _MATTERING):
            yield seen[fold], key
        seen.setdefault(fold, key)


def _refuse(name: str) -> object:
    raise ValueError(f"it holds {name}")


def _other_refusal(raw: bytes) -> str:
    try:
        strict_json.loads_object(raw, "document", max_bytes=len(raw))
    except InvalidJson as error:
        return error.message.removeprefix("document ")
    return ""


_KINDS: dict[type, str] = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
_MATTERING = frozenset(
    key.casefold()
    for key in (
        "schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations",
        "digest", "size", "platform", "urls", "data", "os", "architecture", "variant", "rootfs", "diff_ids", "type",
        "history", "empty_layer", "created_by", "fsLayers", "signatures", "Entrypoint", "Cmd", "Env", "User",
    )
)  # fmt: skip

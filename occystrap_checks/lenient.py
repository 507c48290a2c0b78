"""Reading JSON values that may be of any type: what is not of the wanted one counts as absent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from occystrap_core.contracts import FoundDocument, Role, Where, shown
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidDigest
from occystrap_core.model.media_types import CONFIGS


def as_object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def as_texts(value: object) -> list[str]:
    return [each for each in as_list(value) if isinstance(each, str)]


def as_bytes(text: str) -> bytes:
    """As a path or name in a layer has it: JSON can hold what is no Unicode."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def as_digest(value: object) -> Digest | None:
    try:
        return Digest.parse(value)
    except InvalidDigest:
        return None


def is_whole_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def as_written(value: object) -> str:
    """A value as JSON writes it, for messages about its type."""
    return shown(json.dumps(value, ensure_ascii=False))


def media_type_of(document: FoundDocument) -> str:
    """What the document calls itself, or else what its descriptor calls it."""
    written = as_text(as_object(document.json).get("mediaType"))
    return written or as_text(document.reference.get("mediaType")) or document.declared


def image_config(config: FoundDocument | None) -> Mapping[str, Any] | None:
    """The config's JSON where it is an image's config and could be read."""
    return config.json if config is not None and is_image_config(config) else None


def is_image_config(document: FoundDocument) -> bool:
    """By its descriptor: an artifact's config may be anything."""
    return document.role is Role.CONFIG and as_text(document.reference.get("mediaType")) in CONFIGS


def run_settings(config: FoundDocument | None) -> Mapping[str, Any]:
    """The `config` object inside an image config: Env, Entrypoint, User …"""
    return as_object((image_config(config) or {}).get("config"))


def annotated(document: FoundDocument) -> Iterator[tuple[str, Where, Mapping[str, Any]]]:
    """Every annotations object of a manifest or index, with what it belongs to."""
    if document.role is not Role.CONFIG:
        yield f"the {document.role}", Where(), as_object(as_object(document.json).get("annotations"))
    for what, where, descriptor in descriptors(document):
        yield what, where, as_object(descriptor.get("annotations"))


def descriptors(document: FoundDocument) -> Iterator[tuple[str, Where, Mapping[str, Any]]]:
    """Every descriptor that a manifest or index holds, with its name in a sentence: people count from 1."""
    if document.role is Role.CONFIG or document.json is None:
        return
    for key in ("config", "subject"):
        if isinstance(document.json.get(key), Mapping):
            yield f"the {key}", Where(), document.json[key]
    for key, name in (("layers", "layer"), ("blobs", "blob"), ("manifests", "entry")):
        for number, found in enumerate(as_list(document.json.get(key))):
            if isinstance(found, Mapping):
                yield f"{name} {number + 1}", Where(layer=number) if key == "layers" else Where(), found

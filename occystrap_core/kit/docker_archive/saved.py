"""manifest.json: the images of a docker-save archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from occystrap_core.model import strict_json
from occystrap_core.model.errors import InvalidImage

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class SavedImage:
    """One entry. `config` and `layers` name members of the archive; `tags` is RepoTags as it stands."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]


def saved_images(raw: bytes, what: str) -> tuple[SavedImage, ...]:
    """At least one image; InvalidImage or InvalidJson where there is none."""
    entries = strict_json.loads(raw, f"{what}: {MANIFEST_FILE}")
    if not isinstance(entries, list) or not entries:
        raise InvalidImage(f"{what}: {MANIFEST_FILE} lists no image")
    return tuple(_image(entry, f"{what}: {MANIFEST_FILE} entry {n}") for n, entry in enumerate(entries))


def _image(entry: object, where: str) -> SavedImage:
    if not isinstance(entry, Mapping):
        raise InvalidImage(f"{where} must be a JSON object")
    config = _field(entry, "Config")
    if not isinstance(config, str) or not config:
        raise InvalidImage(f"{where} names no Config")
    return SavedImage(config, _strings(entry, "Layers", where), _strings(entry, "RepoTags", where))


def _field(entry: Mapping[str, Any], key: str) -> Any:
    """In any case of letters, as docker reads it; two spellings in one object were refused before."""
    return next((value for found, value in entry.items() if found.casefold() == key.casefold()), None)


def _strings(entry: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    found = _field(entry, key) or []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise InvalidImage(f"{where}: {key} must be a list of strings")
    return tuple(found)

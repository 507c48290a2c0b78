"""Composing configs, manifests and indexes that say what they are told, in the strict JSON of images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor, JsonObject
from occystrap_core.model.digest import Digest
from occystrap_core.model.document import Document
from occystrap_core.model.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Family, in_family
from occystrap_core.model.platform import Platform

EPOCH = "1970-01-01T00:00:00Z"


def compose_config(
    platform: Platform,
    diff_ids: Iterable[Digest],
    history: Sequence[JsonObject] = (),
    *,
    family: Family = Family.OCI,
    created: str = EPOCH,
    also: JsonObject | None = None,
) -> Document:
    """An image config. `also` adds or replaces top-level keys."""
    config: dict[str, Any] = {"created": created, **platform_json(platform), "config": {}}
    config["rootfs"] = {"type": "layers", "diff_ids": [str(diff_id) for diff_id in diff_ids]}
    if history:
        config["history"] = list(history)
    config.update(also or {})
    return Document(strict_json.dumps(config), in_family(OCI_CONFIG, family))


def compose_manifest(
    config: Descriptor,
    layers: Iterable[Descriptor],
    *,
    family: Family = Family.OCI,
    also: JsonObject | None = None,
) -> Document:
    media_type = in_family(OCI_MANIFEST, family)
    manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type, "config": config.to_json()}
    manifest["layers"] = [layer.to_json() for layer in layers]
    manifest.update(also or {})
    return Document(strict_json.dumps(manifest), media_type)


def compose_index(
    children: Iterable[Descriptor], *, family: Family = Family.OCI, also: JsonObject | None = None
) -> Document:
    media_type = in_family(OCI_INDEX, family)
    index: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type}
    index["manifests"] = [_child_json(child) for child in children]
    index.update(also or {})
    return Document(strict_json.dumps(index), media_type)


def platform_json(platform: Platform) -> dict[str, str]:
    fields = {
        "architecture": platform.architecture,
        "os": platform.os,
        "variant": platform.variant,
        "os.version": platform.os_version,
    }
    return {key: value for key, value in fields.items() if value}


def _child_json(child: Descriptor) -> Mapping[str, Any]:
    obj = child.to_json()
    return {**obj, "platform": platform_json(child.platform)} if child.platform else obj

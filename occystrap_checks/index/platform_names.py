"""Platforms as index entries and configs write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from occystrap_checks.lenient import as_list, as_object, as_text
from occystrap_core.contracts import FoundDocument
from occystrap_core.model.errors import UsageError
from occystrap_core.model.image import ATTESTED_DIGEST
from occystrap_core.model.media_types import MANIFESTS
from occystrap_core.model.platform import Platform

DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


def written_platform(found: object) -> Platform:
    """The fields as they stand, empty where they are missing or no text."""
    json = as_object(found)
    return Platform(*(as_text(json.get(key)) for key in ("os", "architecture", "variant", "os.version")))


def normal(platform: Platform) -> Platform:
    """The spelling that Go and the specification use."""
    try:
        named = Platform.parse(f"{platform.os}/{platform.architecture}")
    except UsageError:
        return platform
    return Platform(named.os, named.architecture, platform.variant.lower(), platform.os_version)


def with_variant(platform: Platform) -> Platform:
    """In normal spelling, the variant that an architecture implies filled in."""
    plain = normal(platform)
    variant = plain.variant or DEFAULT_VARIANTS.get(plain.architecture, "")
    return Platform(plain.os, plain.architecture, variant, plain.os_version)


def image_entries(index: FoundDocument) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The entries of an index that are images: no attestations, artifacts or indexes."""
    for number, entry in enumerate(as_list(as_object(index.json).get("manifests"))):
        found = as_object(entry)
        if as_text(found.get("mediaType")) not in MANIFESTS or found.get("artifactType"):
            continue
        if ATTESTED_DIGEST not in as_object(found.get("annotations")):
            yield number, found

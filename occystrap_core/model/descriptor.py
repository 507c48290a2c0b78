"""Descriptors: how one document names another, or a blob."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.platform import Platform
from occystrap_core.model.value import value

JsonObject = Mapping[str, Any]
_OWN_KEYS = frozenset({"mediaType", "digest", "size", "platform"})


@value
class Descriptor:
    """`extra` holds every other key (annotations, urls, artifactType, data …) as it was found."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    extra: JsonObject = field(default_factory=dict, compare=False)

    @classmethod
    def from_json(cls, obj: object, where: str = "descriptor") -> Descriptor:
        if not isinstance(obj, Mapping):
            raise InvalidImage(f"{where} must be a JSON object")
        media_type, size = obj.get("mediaType", ""), obj.get("size")
        if not isinstance(media_type, str):
            raise InvalidImage(f"{where}: mediaType must be a string")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise InvalidImage(f"{where}: size must be a whole number of bytes, not {size!r}")
        if "digest" not in obj:
            raise InvalidImage(f"{where} has no digest")
        extra = {key: value for key, value in obj.items() if key not in _OWN_KEYS}
        return cls(media_type, Digest.parse(obj["digest"]), size, Platform.from_json(obj.get("platform")), extra)

    @property
    def annotations(self) -> Mapping[str, str]:
        found = self.extra.get("annotations")
        return found if isinstance(found, Mapping) else {}

    def rewritten(self, obj: JsonObject) -> dict[str, Any]:
        """`obj` with this descriptor's type, digest and size, every other key and the order kept."""
        media_type = {"mediaType": self.media_type} if self.media_type else {}
        return {**obj, **media_type, "digest": str(self.digest), "size": self.size}

    def to_json(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size, **self.extra}

"""Documents: JSON that is kept with its exact bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from occystrap_core.model import strict_json
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.digest import Digest
from occystrap_core.model.value import value


@value
class Document:
    """A manifest, index or config. The bytes are the truth; `json` is a reading of them."""

    raw: bytes
    media_type: str
    _parsed: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def json(self) -> Mapping[str, Any]:
        """The parsed object, shared: treat it as read-only. Raises InvalidJson."""
        if self._parsed is None:
            object.__setattr__(self, "_parsed", strict_json.loads_object(self.raw, self.media_type or "document"))
        assert self._parsed is not None
        return self._parsed

    @property
    def digest(self) -> Digest:
        return Digest.of(self.raw)

    def edited(self, obj: Mapping[str, Any], media_type: str | None = None) -> Document:
        """A document that says `obj`; this very document where `obj` says nothing new."""
        wanted = self.media_type if media_type is None else media_type
        if obj == self.json:
            return self if wanted == self.media_type else Document(self.raw, wanted)
        return Document(strict_json.dumps(obj), wanted)

    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.raw))

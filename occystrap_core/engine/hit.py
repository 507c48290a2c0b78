"""One match of a search, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from occystrap_core.engine.content_match import ContentMatch
from occystrap_core.engine.matches import Match
from occystrap_core.model.layer import Layer


@dataclass(frozen=True, slots=True)
class Hit:
    """`number` is the entry's among those of its layer, None for what is no file of the image.
    At most one of the last two is set: the layer that deletes it, or the one that has something
    else in its place. They are not known before all layers are read."""

    layer: Layer
    match: Match
    number: int | None
    content: ContentMatch | None = None
    deleted_by: int | None = None
    replaced_by: int | None = None

    @property
    def is_final(self) -> bool:
        """Whether it is there in the end."""
        return self.number is not None and self.deleted_by is None and self.replaced_by is None

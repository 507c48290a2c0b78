"""What rules say they need: apart from the rest, so that naming a rule loads next to nothing."""

from __future__ import annotations

from enum import StrEnum


class Needs(StrEnum):
    """What a rule needs to be read, from cheap to dear. `--fast` runs DOCUMENTS only."""

    DOCUMENTS = "documents"
    LAYERS = "layers"
    HEADERS = "headers"
    CONTENT = "content"


class Entries(StrEnum):
    """Which entries a rule wants to see: all of its kinds; of those the few with extended headers,
    a sparse map or anything but ASCII in their header; or whiteouts."""

    ALL = "all"
    EXTENDED = "extended"
    WHITEOUTS = "whiteouts"

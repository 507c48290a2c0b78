"""Image names as archives write them."""

from __future__ import annotations

from occystrap_core.model.errors import UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.reference import Reference

UNNAMED = ImageName("unknown", "unknown")
"""What an image without a usable name is called."""


def reference_of(text: str) -> Reference | None:
    """None for what is no reference: names in archives are data, anything may stand there."""
    try:
        return Reference.parse(text)
    except UsageError:
        return None


def image_name(text: str) -> ImageName | None:
    found = reference_of(text)
    return found.name if found else None


def full_reference(name: ImageName) -> Reference | None:
    """None for a name without a tag, for one that docker would not take, and for the unnamed."""
    return reference_of(str(name)) if name.tag and name.repository != UNNAMED.repository else None


def same_name(one: str, other: str) -> bool:
    """Whether two spellings mean one image, as `busybox` and `docker.io/library/busybox:latest` do."""
    return one == other or (reference_of(one) or one) == (reference_of(other) or other)

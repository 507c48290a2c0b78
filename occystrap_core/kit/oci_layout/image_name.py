"""What an image in a layout is called elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

from occystrap_core.kit.oci_layout.names import CONTAINERD_NAME, REF_NAME
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import UsageError
from occystrap_core.model.image import ImageName
from occystrap_core.model.reference import Reference

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def image_name(image: Descriptor, path: Path) -> ImageName:
    """From the entry's annotations as far as they are references, else from the layout's folder."""
    tag = str(image.annotations.get(REF_NAME, ""))
    for reference in (str(image.annotations.get(CONTAINERD_NAME, "")), tag):
        found = _full_name(reference)
        if found is not None:
            return found
    return ImageName(_repository_of(path), tag if _TAG.fullmatch(tag) else "")


def _full_name(reference: str) -> ImageName | None:
    """None for a mere tag, and for what is no reference: names in layouts are data, anything may stand there."""
    if "/" not in reference and ":" not in reference:
        return None
    try:
        return Reference.parse(reference).name
    except UsageError:
        return None


def _repository_of(path: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.resolve().name.lower()).strip("-") or "image"

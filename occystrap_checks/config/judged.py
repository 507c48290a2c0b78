"""Which configs the rules of this family judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occystrap_checks.lenient import image_config
from occystrap_core.contracts import ImageUnderCheck, View


def judged_config(image: ImageUnderCheck) -> Mapping[str, Any] | None:
    """The config of an image that is there to be run: artifacts and attestations have none."""
    return None if image.is_artifact or image.attests else image_config(image.config)


def is_windows(config: Mapping[str, Any]) -> bool:
    return str(config.get("os", "")).lower() == "windows"


def is_whole(image: ImageUnderCheck, view: View) -> bool:
    """Whether every layer was read to its end: else what is missing in the view may be in the image."""
    return all(layer.is_tar for layer in image.layers) and not any(facts.damage for facts in view.facts)

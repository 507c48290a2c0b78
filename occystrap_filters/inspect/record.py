"""One image as a line of JSON: its layers, newest first, each with the step that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from occystrap_core.contracts import StageLayer


def record(image: str, tag: str, layers: Sequence[StageLayer], config: Mapping[str, Any]) -> str:
    name = f"{image}:{tag}"
    steps = _steps_with_layers(config)
    found = [_layer(stage, steps[position] if position < len(steps) else {}) for position, stage in enumerate(layers)]
    if found:
        found[-1]["Tags"] = [name]
    return json.dumps({"name": name, "layers": found[::-1]}, sort_keys=True)


def _steps_with_layers(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    history = config.get("history")
    steps = history if isinstance(history, list) else []
    return [step for step in steps if isinstance(step, Mapping) and not step.get("empty_layer")]


def _layer(stage: StageLayer, step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Id": str(stage.digest),
        "Size": stage.size,
        "Created": _unix_time(step.get("created")),
        "CreatedBy": _text(step.get("created_by")),
        "Comment": _text(step.get("comment")),
        "Tags": None,
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _unix_time(text: object) -> int:
    """Seconds since 1970, 0 for what is not a time; a time without a zone is UTC."""
    if not isinstance(text, str):
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())

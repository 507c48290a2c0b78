"""Looking for labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from occystrap_core.contracts import Depth, Finding, Severity, Where, Written, WrittenImage

VARIABLE = "OCCYSTRAP_REQUIRED_LABELS"
DEFAULT = "org.opencontainers.image.source"


class RequiredLabels:
    def __init__(self) -> None:
        self._required = [label for label in os.environ.get(VARIABLE, DEFAULT).split(",") if label]

    def verify(self, written: Written, depth: Depth) -> Iterable[Finding]:
        for image in written.images:
            yield from self._missing(image)

    def _missing(self, image: WrittenImage) -> Iterator[Finding]:
        if image.source.is_artifact or image.source.attests:
            return
        config = image.config.json.get("config")
        labels = config.get("Labels") if isinstance(config, Mapping) else None
        for label in self._required:
            if not isinstance(labels, Mapping) or not labels.get(label):
                yield Finding(
                    "required-labels",
                    Severity.ERROR,
                    f"the image has no label {label}",
                    Where(manifest=str(image.manifest.digest)),
                    f"build it with --label {label}=…",
                )

"""Several images for one platform."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from occystrap_checks.index.platform_names import image_entries, with_variant, written_platform
from occystrap_checks.lenient import as_object, as_texts
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    FoundDocument,
    Needs,
    Remark,
    Role,
    Severity,
    hookimpl,
    shown,
)

_COMPRESSION = "io.github.containers.compression.zstd"
_NAME = "org.opencontainers.image.ref.name"


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="platform-duplicate",
        summary="an index has one image for each platform",
        implementation="occystrap_checks.index.platform_duplicate:PlatformDuplicate",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Clients take the first that fits: the others are never run, and which one is first is an accident.",
        example="docker manifest create app:latest --amend app:amd64-old --amend app:amd64-new",
        remedy="Remove the entries that are not meant; entries for different features need os.version, os.features "
        "or a variant.",
    )


class PlatformDuplicate(Examination):
    def document(self, document: FoundDocument) -> Iterable[Remark]:
        if document.role is not Role.INDEX:
            return
        seen: dict[Hashable, int] = {}
        for number, entry in image_entries(document):
            platform = written_platform(entry.get("platform"))
            if not platform.os or platform.is_unknown:
                continue
            first = seen.setdefault(_identity(entry), number)
            if first != number:
                yield Remark(
                    f"entries {first + 1} and {number + 1} are both for {shown(str(platform))}: the first is taken"
                )


def _identity(entry: Mapping[str, Any]) -> Hashable:
    """What clients choose by: podman also by compression, image layouts by name."""
    annotations = as_object(entry.get("annotations"))
    found = as_object(entry.get("platform"))
    features = (tuple(as_texts(found.get("os.features"))), tuple(as_texts(found.get("features"))))
    return with_variant(written_platform(found)), features, annotations.get(_COMPRESSION), annotations.get(_NAME)

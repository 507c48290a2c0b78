"""The annotations that the image specification defines."""

from __future__ import annotations

RESERVED = "org.opencontainers."
PREFIX = "org.opencontainers.image."

DEFINED = frozenset(
    PREFIX + name
    for name in (
        "created", "authors", "url", "documentation", "source", "version", "revision", "vendor", "licenses",
        "ref.name", "title", "description", "base.digest", "base.name",
        "os", "os.version", "os.features", "architecture", "variant", "author", "stopSignal", "exposedPorts",
    )
) | {
    "org.opencontainers.artifact.created",
    "org.opencontainers.artifact.description",
    "org.opencontainers.referrers.filtersApplied",
}  # fmt: skip

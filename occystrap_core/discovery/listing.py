"""What `plugins list` shows, from the catalog alone."""

from __future__ import annotations

from collections.abc import Iterator

from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.policy import BUILT_IN

VERSION = 1
"""The version of the JSON shape. Keys are added, never renamed."""


def as_json(catalog: Catalog) -> dict[str, object]:
    return {"version": VERSION, "plugins": list(entries(catalog))}


def entries(catalog: Catalog) -> Iterator[dict[str, object]]:
    """One for each entry point, sorted."""
    for row, state, reason in sorted(catalog.offers):
        yield {
            "kind": row.kind,
            "name": row.name,
            "distribution": row.distribution,
            "version": row.version,
            "module": row.module,
            "built_in": row.distribution == BUILT_IN,
            "state": state,
            "reason": reason,
        }

"""One-line summaries for help: from the index, which learns them from the plugins on first sight."""

from __future__ import annotations

from collections.abc import Mapping

from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.entry_points import Row, plugin_name


def summaries(catalog: Catalog, kind: str) -> Mapping[str, str]:
    """Name to summary, for everything of a kind that may be used. Never raises for a broken plugin."""
    rows = [catalog.row(kind, name) for name in catalog.names(kind)]
    new = [row for row in rows if catalog.index.summary(row) is None]
    told = _ask(catalog, new) if new else {}
    return {row.name: told.get(row) or catalog.index.summary(row) or "" for row in rows}


def _ask(catalog: Catalog, rows: list[Row]) -> Mapping[Row, str]:
    import sys

    from occystrap_core.discovery.manager import Plugins
    from occystrap_core.model.errors import PluginError

    plugins = Plugins(catalog, strict=True, warn=str)
    told = {}
    for row in rows:
        try:
            spec = plugins.spec(row)
        except PluginError as error:
            told[row] = f"(broken: {error.__cause__ or error.message})"
            continue
        told[row] = spec.summary if plugin_name(spec.name) == row.name else f"the same as {spec.name}"
        catalog.index.learn(row, told[row], getattr(sys.modules[row.module.partition(":")[0]], "__file__", "") or "")
    catalog.index.save()
    return told

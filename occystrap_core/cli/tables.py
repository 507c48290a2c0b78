"""Tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from occystrap_core.cli.rendering import safe


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], widest: Mapping[str, int] | None = None) -> str:
    """Left-aligned, every cell made safe; columns that are named in `widest` are wrapped there."""
    from prettytable import PrettyTable  # slow to import, and JSON needs none

    shown = PrettyTable(list(columns), align="l")
    for column, width in (widest or {}).items():
        shown.max_width[column] = width
    for row in rows:
        shown.add_row([safe(str(cell)) for cell in row])
    return str(shown.get_string())

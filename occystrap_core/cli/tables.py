"""Tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from occystrap_core.cli.rendering import safe


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Left-aligned, every cell made safe."""
    from prettytable import PrettyTable  # slow to import, and JSON needs none

    shown = PrettyTable(list(columns), align="l")
    for row in rows:
        shown.add_row([safe(str(cell)) for cell in row])
    return str(shown.get_string())

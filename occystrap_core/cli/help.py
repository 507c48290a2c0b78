"""Help that lists what is installed, from the index."""

from __future__ import annotations

from typing import Any

import click

from occystrap_core.cli.rendering import safe
from occystrap_core.cli.session import Session

_TITLES = {"inputs": "Sources", "outputs": "Destinations", "filters": "Filters", "checks": "Checks"}
_SHOWN_AS = {"inputs": "{}://", "outputs": "{}://", "filters": "-f {}", "checks": "{}"}


class WithPlugins(click.Command):
    """A command whose help ends with the plugins of some `kinds`, and with examples."""

    def __init__(self, *args: Any, kinds: tuple[str, ...], examples: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._kinds = kinds
        self._examples = examples.strip().splitlines()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from occystrap_core.discovery.summaries import summaries

        session = ctx.find_object(Session)
        assert session is not None
        for kind in self._kinds:
            offered = summaries(session.catalog, kind)
            if offered:
                with formatter.section(_TITLES[kind]):
                    formatter.write_dl([(_SHOWN_AS[kind].format(name), safe(text)) for name, text in offered.items()])
        with formatter.section("Examples"):
            for example in self._examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        formatter.write("\n'occystrap plugins info NAME' tells the options of a scheme or a filter;\n")
        formatter.write("'occystrap --help' lists the global options, which are taken here too.\n")

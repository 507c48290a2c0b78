"""The `occystrap` command: its sub-commands are plugins, named by the index and loaded when they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import click

from occystrap_core.cli.options import add_global_options, global_options
from occystrap_core.cli.session import Session
from occystrap_core.model.errors import PluginError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

HELP = """Move, filter, inspect, search, check and verify container images.

Global options may be given before the command or after it.
"""


class App(click.Group):
    """Help and completion ask the index; only the command that runs is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_session(ctx).catalog.names("commands"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Raises UnknownName, or PluginError where the command is broken."""
        plugins = _session(ctx).plugins
        spec = plugins.command_spec(cmd_name)
        command = plugins.implementation(spec)
        if not isinstance(command, click.Command):
            raise PluginError(f"command {cmd_name!r}: {spec.implementation} is not a click command")
        add_global_options(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0].startswith("-"):
            self._no_such_option(ctx, args[0])
        return args[0], self.get_command(ctx, args[0]), args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_summaries(ctx).items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=text) for name, text in _summaries(ctx).items() if name.startswith(incomplete)
        ]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def _no_such_option(self, ctx: click.Context, option: str) -> NoReturn:
        raise click.NoSuchOption(option, ctx=ctx)


def _session(ctx: click.Context) -> Session:
    session = ctx.find_object(Session)
    assert session is not None
    return session


def _summaries(ctx: click.Context) -> Mapping[str, str]:
    from occystrap_core.discovery.summaries import summaries

    return summaries(_session(ctx).catalog, "commands")


def _print_version(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        from occystrap_core._version import VERSION

        click.echo(f"occystrap {VERSION}")
        ctx.exit()


app = App(
    "occystrap",
    help=HELP,
    params=[
        *global_options(at_root=True),
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
            help="Show the version and exit.",
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip

"""The global options: accepted before the sub-command and after it, shown in the help of `occystrap`."""

from __future__ import annotations

import math
import os
from typing import Any

import click

VALUES = "occystrap.options"


class GlobalOption(click.Option):
    """Every command takes it; only the help of the whole program lists it."""

    def __init__(self, *declarations: str, **settings: Any) -> None:
        super().__init__(list(declarations), expose_value=False, callback=_remember, **settings)

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """What the user wrote: the variable where the value is the variable's."""
        found = ctx.get_parameter_source(self.name) if ctx and self.name else None
        if found is click.core.ParameterSource.ENVIRONMENT:
            return f"'{self.envvar}'"
        return " / ".join(f"'{name}'" for name in self.opts)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return super().get_help_record(ctx) if ctx.parent is None else None


def global_options(*, at_root: bool) -> list[click.Parameter]:
    """Fresh options. Only those of the root read the environment, so that nothing given is overruled by it."""

    def option(*declarations: str, env: str = "", **settings: Any) -> click.Parameter:
        if env and at_root:
            settings |= {"envvar": f"OCCYSTRAP_{env}", "show_envvar": True}
        return GlobalOption(*declarations, **settings)

    return [
        option("-q", "--quiet", is_flag=True, help="Say nothing but warnings, errors and results."),
        option("-v", "--verbose", is_flag=True, help="Say more."),
        option("--debug", is_flag=True, help="Say everything, tracebacks included."),
        option("-O", "--output-format", type=click.Choice(["text", "json"]), help="How results are written."),
        option("--os", default="linux", help="Operating system to choose from an index.", show_default=True),
        option("--architecture", default="amd64", help="Architecture to choose from an index.", show_default=True),
        option("--variant", default="", help="Variant of the architecture, for example v7."),
        option("--platform", multiple=True, metavar="OS/ARCH[/VARIANT]", help="Platform to keep. May be repeated."),
        option("--all-platforms", is_flag=True, help="Keep every platform of an index."),
        option("--username", env="USERNAME", help="User name for registries."),
        option("--password", env="PASSWORD", help="Password for registries; better given by the variable or stdin."),
        option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin."),
        option("--insecure", is_flag=True, help="Speak plain HTTP to every registry."),
        option("--compression", env="COMPRESSION", type=_compression(), help="Compression of layers that are made."),
        option("-j", "--parallel", env="PARALLEL", type=_Count(1, 256), default=4, show_default=True,
               help="Layers worked on at the same time."),
        option("-J", "--image-parallel", env="IMAGE_PARALLEL", type=_Count(1, 256), default=3,
               show_default=True, help="Images worked on at the same time."),
        option("--retries", env="RETRIES", type=_Count(0, 100), default=3, show_default=True,
               help="Further attempts when a server or the network fails."),
        option("--rate-limit", env="RATE_LIMIT", type=_Rate(min=0),
               help="At most so many requests a second; 0 for no limit."),
        option("--temp-dir", env="TEMP_DIR", type=click.Path(exists=True, file_okay=False, writable=True),
               help="Where temporary files go."),
        option("--layer-cache", env="LAYER_CACHE", type=_FileInFolder(dir_okay=False),
               help="File that remembers what became of each layer."),
        option("--verify/--no-verify", env="VERIFY", default=True, show_default=True,
               help="Look at the result after writing it."),
        option("--verify-full", env="VERIFY_FULL", is_flag=True, help="Read every byte of the result back."),
        option("--no-plugins", is_flag=True, help="Use the built-in plugins only; OCCYSTRAP_PLUGINS=A,B allows some."),
        option("--strict-plugins", is_flag=True, help="Fail when any plugin that could have a say is broken."),
    ]  # fmt: skip


def add_global_options(command: click.Command) -> None:
    """Let a command, and every command below it, take the global options too."""
    taken = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for parameter in global_options(at_root=False):
        if isinstance(parameter, GlobalOption) and taken.isdisjoint((*parameter.opts, *parameter.secondary_opts)):
            command.params.append(parameter)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            add_global_options(below)


def given_words(context: click.Context) -> list[str]:
    """The global options of the command line, those before the command and those after it, the way they count together.
    A password is not repeated."""
    typed = click.core.ParameterSource.COMMANDLINE
    words: list[str] = []
    for option in global_options(at_root=False):
        assert isinstance(option, GlobalOption) and option.name
        if typed in (place.get_parameter_source(option.name) for place in (context.find_root(), context)):
            words += _spoken(option, context.meta[VALUES][option.name])
    return words


def _spoken(option: GlobalOption, value: Any) -> list[str]:
    long = option.opts[-1]
    if option.is_flag:
        return [long if value else option.secondary_opts[-1]]
    if option.name == "password":
        return [long, "…"]
    return [word for each in (value if option.multiple else [value]) for word in (long, str(each))]


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """The last one given counts; what may be repeated adds up."""
    assert parameter.name
    values: dict[str, Any] = context.meta.setdefault(VALUES, {})
    source = context.get_parameter_source(parameter.name)
    given = source not in (click.core.ParameterSource.DEFAULT, click.core.ParameterSource.DEFAULT_MAP, None)
    if parameter.multiple:
        values[parameter.name] = (*values.get(parameter.name, ()), *value)
    elif given or parameter.name not in values:
        values[parameter.name] = value
    if given:
        context.meta.setdefault(f"{VALUES}.given", set()).add(parameter.name)


def _compression() -> click.Choice[str]:
    return click.Choice(["gzip", "zstd", "none"], case_sensitive=False)


class _Count(click.IntRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if not (text.isascii() and text.isdigit() and self.min <= int(text[:9]) <= self.max):  # type: ignore[operator]
            self.fail(f"{text!r} is not a number from {self.min} to {self.max}", param, ctx)
        return int(text)


class _Rate(click.FloatRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not 0 <= rate < math.inf:
            self.fail(f"{value!r} is not a number from 0 on", param, ctx)
        return rate


class _FileInFolder(click.Path):
    """A file that may not be there yet, in a folder that is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        folder = os.path.dirname(value) or "."  # noqa: PTH120 - pathlib is not needed for anything else here
        if not os.path.isdir(folder):  # noqa: PTH112
            self.fail(f"the folder {folder!r} does not exist", param, ctx)
        return super().convert(value, param, ctx)

"""The commands that come with Occystrap."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import CommandSpec, hookimpl


@hookimpl
def occystrap_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "process", "Take an image from anywhere to anywhere, through filters", "occystrap_core.cli.process:process"
    )
    yield CommandSpec("check", "Judge an image by rules", "occystrap_core.cli.check:check")
    yield CommandSpec("info", "Tell what an image is made of", "occystrap_core.cli.info:info")
    yield CommandSpec("search", "Find files in the layers of an image", "occystrap_core.cli.search:search")
    yield CommandSpec("ls", "List the files of an image", "occystrap_core.cli.ls:ls")
    yield CommandSpec("cat", "Print a file of an image", "occystrap_core.cli.cat:cat")
    yield CommandSpec("plugins", "List plugins, and describe them", "occystrap_core.cli.plugins:plugins")
    yield CommandSpec(
        "completion", "Print the completion script of a shell", "occystrap_core.cli.completion:completion"
    )

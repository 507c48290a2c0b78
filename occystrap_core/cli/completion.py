"""`occystrap completion SHELL`."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  eval "$(occystrap completion bash)"      in ~/.bashrc
    zsh:   eval "$(occystrap completion zsh)"       in ~/.zshrc
    fish:  occystrap completion fish | source       in ~/.config/fish/config.fish
    """
    script = get_completion_class(shell)
    assert script is not None
    # The base method, because that of bash first runs whatever bash is on this machine.
    click.echo(ShellComplete.source(script(click.Command("occystrap"), {}, "occystrap", "_OCCYSTRAP_COMPLETE")))

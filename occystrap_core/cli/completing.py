"""What the shell may offer after TAB: names from the index, and nothing that needs a plugin or the network."""

from __future__ import annotations

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from occystrap_core.cli.session import Session

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def offering(kind: str, form: str) -> Completer:
    """The names of a kind that begin as the word does; `form` is how one is written, such as `{}://`."""

    def complete(context: click.Context, parameter: click.Parameter, word: str) -> list[CompletionItem]:
        session = context.find_object(Session)
        assert session is not None
        return [
            CompletionItem(form.format(name))
            for name in session.catalog.names(kind)
            if form.format(name).startswith(word)
        ]

    return complete

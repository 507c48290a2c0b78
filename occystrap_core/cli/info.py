"""`occystrap info SOURCE`: what an image is made of, told by its documents."""

from __future__ import annotations

import sys

import click

from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.session import Session, pass_session

FAILED = 3

EXAMPLES = """
occystrap info registry://docker.io/library/busybox
occystrap info tar://app.tar --sizes
occystrap info ocidir://images:app --all-platforms -O json
"""


@click.command(cls=WithPlugins, examples=EXAMPLES, kinds=("inputs",))
@click.argument("source", shell_complete=offering("inputs", "{}://"))
@click.option("--sizes", is_flag=True, help="Read the layers: how large they unpack, how many entries they have.")
@pass_session
@click.pass_context
def info(context: click.Context, session: Session, source: str, sizes: bool) -> None:
    """Tell what the image at SOURCE is made of: platform, layers, history, settings.

    No layer is read unless --sizes asks for it. With several platforms, one image after the other;
    exit code 3 where one of them cannot be read.
    """
    from occystrap_core.cli.info_facts import facts_of, troubles_of
    from occystrap_core.cli.rendering import as_json, complain, terminal_width

    images = facts_of(session, source, sizes=sizes)
    if sizes:
        session.progress.close()
    if session.json:
        click.echo(as_json(images if session.selection.single is None else images[0]))
    else:
        from occystrap_core.cli.info_text import text_of

        columns = terminal_width(sys.stdout)
        click.echo("\n\n---\n\n".join(text_of(facts, columns) for facts in images))
    if troubles := list(troubles_of(images)):
        complain("Error", " and ".join(troubles))
        context.exit(FAILED)

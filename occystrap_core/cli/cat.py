"""`occystrap cat SOURCE PATH`: one file of an image, without a daemon."""

from __future__ import annotations

import os
import sys

import click

from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.session import Session, pass_session

EXAMPLES = """
occystrap cat registry://docker.io/library/busybox /etc/passwd
occystrap cat tar://app.tar usr/bin/app > app
"""


@click.command(cls=WithPlugins, examples=EXAMPLES, kinds=("inputs",))
@click.argument("source", shell_complete=offering("inputs", "{}://"))
@click.argument("path")
@pass_session
def cat(session: Session, source: str, path: str) -> None:
    """Write the file PATH of the image at SOURCE to standard output, as a container sees it.

    Symlinks are followed inside the image. Layers are read from the last one back, until the
    file is found; its bytes are written as they are once its layer is checked. On a terminal,
    bytes that could steer it are written out.
    """
    from occystrap_core.cli.inspecting import inspecting
    from occystrap_core.cli.rendering import readable
    from occystrap_core.engine.one_file import read_file
    from occystrap_core.model.errors import UsageError
    from occystrap_core.streams.heap import keep_freed_pages

    if session.json:
        raise UsageError("a file has no form but its own", hint="leave out -O json")
    keep_freed_pages()
    with inspecting(session, source) as inspected:
        image = inspected.only_image
        content = read_file(inspected.source, image, os.fsencode(path), session.settings, session.progress)
    session.progress.close()
    with content:
        if sys.stdout.isatty():
            for text in readable(content.chunks()):
                sys.stdout.write(text)
        else:
            for chunk in content.chunks():
                sys.stdout.buffer.write(chunk)
        sys.stdout.flush()

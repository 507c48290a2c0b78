"""`occystrap search SOURCE PATTERN`: which files of an image have a name, or hold something."""

from __future__ import annotations

import click

from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.session import Session, pass_session

EXAMPLES = """
occystrap search registry://docker.io/library/busybox "bin/*sh"
occystrap search tar://app.tar --regex "\\.py$" --merged
occystrap search ocidir://images:app --content "BEGIN [A-Z ]*PRIVATE KEY"
"""


@click.command(cls=WithPlugins, examples=EXAMPLES, kinds=("inputs",))
@click.argument("source", shell_complete=offering("inputs", "{}://"))
@click.argument("pattern", required=False)
@click.option("--regex", is_flag=True, help="PATTERN is a regular expression, found anywhere in a name.")
@click.option("--content", metavar="REGEX", help="Only regular files in whose content this is found.")
@click.option("--merged", is_flag=True, help="Only what a container sees: no file that a later layer hides.")
@click.option("--script-friendly", is_flag=True, help="One line a match: image:tag:layer:path.")
@pass_session
@click.pass_context
def search(
    context: click.Context,
    session: Session,
    source: str,
    pattern: str | None,
    regex: bool,
    content: str | None,
    merged: bool,
    script_friendly: bool,
) -> None:
    """List the files in the layers of SOURCE whose name matches PATTERN.

    PATTERN is a glob of a whole name or of its last part, and may be left out with --content.
    Matches are told while layers are read, in the order of the layers.
    """
    from occystrap_core.cli.search_job import Asked, run_search

    if pattern is None and content is None:
        raise click.UsageError("Missing argument 'PATTERN'.", context)
    if script_friendly and session.json:
        raise click.UsageError("--script-friendly and -O json cannot both be given.", context)
    run_search(session, Asked(source, pattern, regex, content, merged, script_friendly))

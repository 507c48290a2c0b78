"""`occystrap process SOURCE DESTINATION [-f FILTER]…`."""

from __future__ import annotations

import click

from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.session import Session, pass_session

EXAMPLES = """
occystrap process registry://docker.io/library/busybox tar://busybox.tar
occystrap process tar://app.tar ocidir://images:app -f normalize-timestamps
occystrap process registry://quay.io/acme/app:1 registry://localhost:5000/app:1 --all-platforms
"""


@click.command(cls=WithPlugins, examples=EXAMPLES, kinds=("inputs", "outputs", "filters"))
@click.argument("source", shell_complete=offering("inputs", "{}://"))
@click.argument("destination", shell_complete=offering("outputs", "{}://"))
@click.option(
    "-f",
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME[:KEY=VALUE,…]",
    help="What happens to the image on its way. May be repeated.",
    shell_complete=offering("filters", "{}"),
)
@pass_session
@click.pass_context
def process(context: click.Context, session: Session, source: str, destination: str, filters: tuple[str, ...]) -> None:
    """Take an image from SOURCE to DESTINATION, through filters in the order they are given.

    Both are URIs. Every layer is read once, whatever happens to it on its way; what nothing
    changes arrives byte for byte as it was. The result is looked at afterwards (--no-verify,
    --verify-full).
    """
    from occystrap_core.cli import process_report
    from occystrap_core.cli.job import run_job

    done = run_job(session, source, destination, filters)
    session.progress.close()
    process_report.tell(session, done)
    if done.outcome.errors:
        context.exit(1)

"""`occystrap process SOURCE DESTINATION [-f FILTER]…`."""

from __future__ import annotations

import click

from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.session import Session, pass_session

EXAMPLES = """
occystrap process registry://docker.io/library/busybox tar://busybox.tar
occystrap process tar://app.tar ocidir://images:app -f normalize-timestamps
occystrap process tar://app.tar ocidir://images:app -f exclude:pattern=tmp --check
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
@click.option("--check", "checked", is_flag=True, help="Judge what is written by the rules of check, in the same pass.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    help="With --check: the least severity that makes the exit code 1.  [default: error]",
)
@pass_session
@click.pass_context
def process(
    context: click.Context,
    session: Session,
    source: str,
    destination: str,
    filters: tuple[str, ...],
    checked: bool,
    fail_on: str | None,
) -> None:
    """Take an image from SOURCE to DESTINATION, through filters in the order they are given.

    Both are URIs. Every layer is read once, whatever happens to it on its way; what nothing
    changes arrives byte for byte as it was. The result is looked at afterwards (--no-verify,
    --verify-full), and judged while it is written with --check.
    """
    from occystrap_core.cli import process_report
    from occystrap_core.cli.job import run_job

    if fail_on and not checked:
        raise click.UsageError("--fail-on is about --check, which is not given.", context)
    done = run_job(session, source, destination, filters, checked=checked)
    session.progress.close()
    process_report.tell(session, done)
    if done.outcome.errors or (done.check and done.check.fails(fail_on or "error")):
        context.exit(1)

"""`occystrap process SOURCE DESTINATION [-f FILTER]…`."""

from __future__ import annotations

from typing import Any

import click

from occystrap_core.cli.check_options import JudgedBy, rule_options
from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.session import Session, pass_session

EXAMPLES = """
occystrap process registry://docker.io/library/busybox tar://busybox.tar
occystrap process tar://app.tar ocidir://images:app -f normalize-timestamps
occystrap process tar://app.tar ocidir://images:app -f exclude:pattern=tmp --check --ignore uncompressed-layer
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
@rule_options
@pass_session
@click.pass_context
def process(
    context: click.Context,
    session: Session,
    /,
    source: str,
    destination: str,
    filters: tuple[str, ...],
    checked: bool,
    **judged_by: Any,
) -> None:
    """Take an image from SOURCE to DESTINATION, through filters in the order they are given.

    Both are URIs. Every layer is read once, whatever happens to it on its way; what nothing
    changes arrives byte for byte as it was. The result is looked at afterwards (--no-verify,
    --verify-full), and judged while it is written with --check.
    """
    from occystrap_core.cli import process_report
    from occystrap_core.cli.job import run_job

    judging = JudgedBy(**judged_by)
    if judging.given and not checked:
        raise click.UsageError(f"{judging.given} is about --check, which is not given.", context)
    done = run_job(session, source, destination, filters, judging if checked else None)
    session.progress.close()
    process_report.tell(session, done)
    if done.outcome.errors or (done.check and done.check.fails):
        context.exit(1)

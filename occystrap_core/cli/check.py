"""`occystrap check SOURCE`: judge an image by every rule there is, or by some."""

from __future__ import annotations

import click

from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.reports import FORMATS
from occystrap_core.cli.session import Session, pass_session

EXAMPLES = """
occystrap check registry://docker.io/library/busybox
occystrap check tar://app.tar --fail-on warning --ignore uncompressed-layer
occystrap check ocidir://images:app --all-platforms -O sarif > findings.sarif
occystrap check registry://quay.io/acme/app:1 --targets "docker>=20.10,containerd>=1.7"
occystrap check --explain diff-id
"""


@click.command(cls=WithPlugins, examples=EXAMPLES, kinds=("inputs",))
@click.argument("source", required=False, shell_complete=offering("inputs", "{}://"))
@click.option("--fast", is_flag=True, help="Read documents only, no layer.")
@click.option("--select", metavar="IDS", multiple=True, help="Only these rules, separated by commas.")
@click.option("--ignore", metavar="IDS", multiple=True, help="All rules but these.")
@click.option("--severity", metavar="ID=LEVEL", multiple=True, help="Another severity for a rule. May be repeated.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="The least severity that makes the exit code 1.",
)
@click.option(
    "--targets", metavar="ENGINES", default="", help='Engines the image must work on: "docker>=20.10,podman>=4".'
)
@click.option("-O", "--output-format", "form", type=click.Choice(FORMATS), help="How findings are written.")
@click.option("--list-rules", is_flag=True, help="List the rules and end.")
@click.option("--explain", metavar="RULE", help="Tell what a rule looks for, why, and what to do; and end.")
@pass_session
@click.pass_context
def check(
    context: click.Context,
    session: Session,
    source: str | None,
    fast: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    severity: tuple[str, ...],
    fail_on: str,
    targets: str,
    form: str | None,
    list_rules: bool,
    explain: str | None,
) -> None:
    """Judge the image at SOURCE by rules, each layer read once for all of them.

    Exit code 0: nothing found at or above --fail-on; 1: something found; 2: asked wrongly;
    3: the image could not be looked at.
    """
    from occystrap_core.cli import check_rules
    from occystrap_core.cli.check_job import judge
    from occystrap_core.cli.reports import render

    form = form or ("json" if session.json else "text")
    if explain is not None or list_rules:
        click.echo(
            check_rules.listed(session, form) if explain is None else check_rules.explained(session, explain, form)
        )
        return
    if source is None:
        raise click.UsageError("Missing argument 'SOURCE'.", context)
    asked = check_rules.asked_for(session, select, ignore, severity, fast=fast)
    report = judge(session, source, asked, fast=fast, targets=targets)
    session.progress.close()
    click.echo(render(report, form), nl=False)
    if report.fails(fail_on):
        context.exit(1)

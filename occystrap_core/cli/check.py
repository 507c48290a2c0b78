"""`occystrap check SOURCE`: judge an image by every rule there is, or by some."""

from __future__ import annotations

from typing import Any

import click

from occystrap_core.cli.check_options import JudgedBy, rule_options
from occystrap_core.cli.completing import offering
from occystrap_core.cli.help import WithPlugins
from occystrap_core.cli.rendering import complain
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
@rule_options
@click.option("-O", "--output-format", "form", type=click.Choice(FORMATS), help="How findings are written.")
@click.option("--list-rules", is_flag=True, help="List the rules and end.")
@click.option("--explain", metavar="RULE", help="Tell what a rule looks for, why, and what to do; and end.")
@pass_session
@click.pass_context
def check(
    context: click.Context,
    session: Session,
    /,
    source: str | None,
    fast: bool,
    form: str | None,
    list_rules: bool,
    explain: str | None,
    **judged_by: Any,
) -> None:
    """Judge the image at SOURCE by rules, each layer read once for all of them.

    Exit code 0: nothing found at or above --fail-on; 1: something found; 2: asked wrongly;
    3: the image, or a part of it, could not be looked at.
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
    report = judge(session, source, JudgedBy(**judged_by), fast=fast)
    session.progress.close()
    click.echo(render(report, form), nl=False)
    for what in report.unchecked:
        complain("Not checked", what)
    if report.unchecked or report.fails:
        context.exit(3 if report.unchecked else 1)

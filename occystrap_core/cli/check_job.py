"""One check, as the command runs it."""

from __future__ import annotations

import time

from occystrap_core.cli.check_rules import AskedRules
from occystrap_core.cli.opening import find_source
from occystrap_core.cli.rendering import without_credentials
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.cli.session import Session
from occystrap_core.contracts.check import CheckContext, HasBlob
from occystrap_core.contracts.input import Input
from occystrap_core.engine.check import CheckOutcome, CheckRequest, check
from occystrap_core.engine.judged_pass import NOT_JUDGED, Judging
from occystrap_core.model.errors import attributed
from occystrap_core.model.image import ImageName
from occystrap_core.model.targets import parse_targets
from occystrap_core.streams.heap import keep_freed_pages


def judge(session: Session, source: str, asked: AskedRules, *, fast: bool, targets: str) -> CheckReport:
    """Everything that was asked for is checked before the source is opened."""
    wanted = parse_targets(targets)
    opener = find_source(session.plugins, source)
    rules = tuple((spec, session.plugins.implementation(spec)) for spec in asked.rules)
    keep_freed_pages()
    opened = opener.open(session.settings)
    try:
        context = CheckContext(wanted, time.time(), _asks_for_blobs(opened))
        request = CheckRequest(
            opened, rules, session.selection, session.settings, session.progress, context, fast, asked.severities
        )
        outcome = check(request)
        with attributed("source"):
            name = opened.name()
    finally:
        opened.close()
    return CheckReport(without_credentials(source), name, fast, outcome, {spec.name: spec for spec in asked.rules})


def every_rule(session: Session) -> Judging:
    """For `process --check`."""
    rules = tuple((spec, session.plugins.implementation(spec)) for spec in session.plugins.check_specs())
    return Judging(rules, CheckContext(now=time.time()))


def report_of_written(judging: Judging, destination: str, name: ImageName, outcome: CheckOutcome) -> CheckReport:
    known = {spec.name: spec for spec, _ in judging.rules}
    return CheckReport(without_credentials(destination), name, False, outcome, {**known, NOT_JUDGED.name: NOT_JUDGED})


def _asks_for_blobs(source: Input) -> HasBlob | None:
    """Some sources can tell whether they have a blob without sending it."""
    found: HasBlob | None = getattr(source, "has_blob", None)
    return found

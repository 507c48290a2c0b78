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
from occystrap_core.engine.check import CheckRequest, check
from occystrap_core.model.errors import attributed
from occystrap_core.model.targets import parse_targets


def judge(session: Session, source: str, asked: AskedRules, *, fast: bool, targets: str) -> CheckReport:
    """Everything that was asked for is checked before the source is opened."""
    wanted = parse_targets(targets)
    opener = find_source(session.plugins, source)
    rules = tuple((spec, session.plugins.implementation(spec)) for spec in asked.rules)
    if not fast:
        from occystrap_core.streams.heap import keep_freed_pages

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


def _asks_for_blobs(source: Input) -> HasBlob | None:
    """Some sources can tell whether they have a blob without sending it."""
    found: HasBlob | None = getattr(source, "has_blob", None)
    return found

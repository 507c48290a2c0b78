"""One check, as the command runs it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from occystrap_core.cli.check_rules import AskedRules
from occystrap_core.cli.opening import find_source
from occystrap_core.cli.rendering import without_credentials
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.cli.session import Session
from occystrap_core.contracts.check import CheckContext, HasBlob
from occystrap_core.contracts.finding import Finding
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.engine.check import CheckOutcome, CheckRequest, check
from occystrap_core.engine.found_documents import FoundImages
from occystrap_core.model.errors import ContentError, attributed
from occystrap_core.model.image import ImageName
from occystrap_core.model.targets import parse_targets

UNREADABLE = "document-unreadable"
"""The rule about what cannot be read where no other has a name for it: here the beginning of the source."""


def judge(session: Session, source: str, asked: AskedRules, *, fast: bool, targets: str) -> CheckReport:
    """Everything that was asked for is checked before the source is opened."""
    wanted = parse_targets(targets)
    opener = find_source(session.plugins, source)
    rules = tuple((spec, session.plugins.implementation(spec)) for spec in asked.rules)
    if not fast:
        from occystrap_core.streams.heap import keep_freed_pages

        keep_freed_pages()
    known = {spec.name: spec for spec in asked.rules}
    try:
        opened = opener.open(session.settings)
    except ContentError as error:
        return CheckReport(without_credentials(source), _name_of(source), fast, _unreadable(error, known), known)
    try:
        context = CheckContext(wanted, time.time(), _asks_for_blobs(opened))
        request = CheckRequest(
            opened, rules, session.selection, session.settings, session.progress, context, fast, asked.severities
        )
        outcome = _checked(request, known)
        with attributed("source"):
            name = opened.name()
    finally:
        opened.close()
    return CheckReport(without_credentials(source), name, fast, outcome, known)


def _checked(request: CheckRequest, known: Mapping[str, CheckSpec]) -> CheckOutcome:
    try:
        return check(request)
    except ContentError as error:  # of what leads to the image: all that it leads to is the engine's
        return _unreadable(error, known)


def _unreadable(error: ContentError, known: Mapping[str, CheckSpec]) -> CheckOutcome:
    """A source whose very beginning is broken is as bad an image as one that is broken further down."""
    rule = known.get(UNREADABLE)
    if rule is None:
        raise error
    finding = Finding(rule.name, rule.severity, str(error).removeprefix("source: "), remediation=rule.remedy)
    return CheckOutcome((finding,), FoundImages((), ()), ())


def _name_of(source: str) -> ImageName:
    return ImageName(Path(without_credentials(source).partition("://")[2]).name)


def _asks_for_blobs(source: Input) -> HasBlob | None:
    """Some sources can tell whether they have a blob without sending it."""
    found: HasBlob | None = getattr(source, "has_blob", None)
    return found

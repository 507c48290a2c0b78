"""One check, as the command runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from occystrap_core.cli.check_options import JudgedBy
from occystrap_core.cli.check_rules import asked_for
from occystrap_core.cli.opening import find_source
from occystrap_core.cli.rendering import without_credentials
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.cli.session import Session
from occystrap_core.contracts.check import CheckContext
from occystrap_core.contracts.finding import Finding
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.engine.check import CheckOutcome, CheckRequest, check
from occystrap_core.engine.found_documents import FoundImages
from occystrap_core.model.descriptor import Descriptor
from occystrap_core.model.errors import ContentError, OccystrapError, attributed
from occystrap_core.model.image import ImageName

UNREADABLE = "document-unreadable"
"""The rule about what cannot be read where no other has a name for it: here the beginning of the source."""


_MOST_UNANSWERED = 3


def judge(session: Session, source: str, judged_by: JudgedBy, *, fast: bool) -> CheckReport:
    """Everything that was asked for is checked before the source is opened."""
    asked, fail_on = asked_for(session, judged_by, fast=fast), judged_by.level
    opener = find_source(session.plugins, source)
    rules = tuple((spec, session.plugins.implementation(spec)) for spec in asked.rules)
    if not fast:
        from occystrap_core.streams.heap import keep_freed_pages

        keep_freed_pages()
    known = {spec.name: spec for spec in asked.rules}
    try:
        opened = opener.open(replace(session.settings, as_found=True))
    except ContentError as error:
        name, outcome = _name_of(source), _unreadable(error, known)
        return CheckReport(without_credentials(source), name, fast, outcome, known, fail_on=fail_on)
    try:
        blobs = SourceBlobs(opened)
        context = CheckContext(asked.targets, time.time(), blobs.has, blobs.size if fast else None)
        request = CheckRequest(
            opened, rules, session.selection, session.settings, session.progress, context, fast, asked.severities
        )
        outcome = _checked(request, known)
        with attributed("source"):
            name = opened.name()
    finally:
        opened.close()
    unchecked = (*outcome.unchecked, *(blobs.unanswered[:1] if fast else ()))
    return CheckReport(without_credentials(source), name, fast, outcome, known, unchecked, fail_on)


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


class SourceBlobs:
    """What a source tells of blobs without sending them. One that cannot answer is not asked much longer."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self.unanswered: list[str] = []

    def has(self, descriptor: Descriptor) -> bool | None:
        found = self._answer("has_blob", descriptor)
        return None if found is None else bool(found)

    def size(self, descriptor: Descriptor) -> int | None:
        return self._answer("blob_size", descriptor)

    def _answer(self, question: str, descriptor: Descriptor) -> int | None:
        ask: Callable[[Descriptor], int | None] | None = getattr(self._source, question, None)
        if ask is None or len(self.unanswered) >= _MOST_UNANSWERED:
            return None
        try:
            with attributed(""):
                return ask(descriptor)
        except OccystrapError as error:
            self.unanswered.append(f"whether all blobs are there: {error}")
            return None

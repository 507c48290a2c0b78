"""One check, as the command runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
from occystrap_core.model.digest import Digest
from occystrap_core.model.errors import ContentError, OccystrapError, attributed
from occystrap_core.model.image import ImageName

UNREADABLE = "document-unreadable"
"""The rule about what cannot be read where no other has a name for it: here the beginning of the source."""


_MOST_UNANSWERED = 3

Ask = Callable[[Descriptor], int | None]
Told = int | None | Exception


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
        blobs = SourceBlobs(opened, session.settings.parallel)
        size = blobs.size if fast else None
        context = CheckContext(asked.targets, time.time(), blobs.has, size, blobs.expect)
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

    def __init__(self, source: Input, at_once: int = 1) -> None:
        self._source = source
        self._at_once = at_once
        self._ask_has: Ask | None = getattr(source, "has_blob", None)
        self._ask_size: Ask | None = getattr(source, "blob_size", None)
        self._known: dict[Digest, Told] = {}
        self.unanswered: list[str] = []

    def expect(self, descriptors: Sequence[Descriptor]) -> None:
        """`has` will be asked about these, in this order. What is far away is asked about several at once."""
        wanted = list({descriptor.digest: descriptor for descriptor in descriptors}.values())
        if self._ask_has is None or min(len(wanted), self._at_once) < 2 or not self._source.traits.remote:
            return
        from occystrap_core.engine.schedule import Stop, run_all

        told = run_all(_Ahead(self._ask_has), wanted, self._at_once, Stop(self._source))
        self._known.update(zip((descriptor.digest for descriptor in wanted), told, strict=True))

    def has(self, descriptor: Descriptor) -> bool | None:
        found = self._answer(self._ask_has and self._told_of, descriptor)
        return None if found is None else bool(found)

    def size(self, descriptor: Descriptor) -> int | None:
        return self._answer(self._ask_size, descriptor)

    def _answer(self, ask: Ask | None, descriptor: Descriptor) -> int | None:
        if ask is None or len(self.unanswered) >= _MOST_UNANSWERED:
            return None
        try:
            with attributed(""):
                return ask(descriptor)
        except OccystrapError as error:
            self.unanswered.append(f"whether all blobs are there: {error}")
            return None

    def _told_of(self, descriptor: Descriptor) -> int | None:
        assert self._ask_has is not None
        if descriptor.digest not in self._known:
            return self._ask_has(descriptor)
        told = self._known.pop(descriptor.digest)
        if isinstance(told, Exception):
            raise told
        return told


class _Ahead:
    """A question on a thread. What goes wrong is kept until the answer is asked for."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._failures = 0

    def __call__(self, descriptor: Descriptor) -> Told:
        if self._failures >= _MOST_UNANSWERED:
            return None
        try:
            return self._ask(descriptor)
        except Exception as error:  # noqa: BLE001  # raised again where the answer is asked for
            self._failures += 1
            return error

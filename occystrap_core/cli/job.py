"""One transfer, as `process` and the commands that stand for it run it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from occystrap_core.cli.opening import (
    Destination,
    Opener,
    Source,
    find_destination,
    find_filter,
    find_source,
    find_verifiers,
    reopener,
)
from occystrap_core.cli.session import Session
from occystrap_core.contracts.filter import FilterContext
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.output import Output, OutputContext
from occystrap_core.contracts.traffic import HasTraffic
from occystrap_core.contracts.verifier import Depth, Verifier
from occystrap_core.engine.layer_cache import LayerCache
from occystrap_core.engine.outcome import Outcome, Request
from occystrap_core.engine.process import process
from occystrap_core.model.errors import UsageError, attributed
from occystrap_core.streams.heap import keep_freed_pages

if TYPE_CHECKING:
    from occystrap_core.cli.check_options import JudgedBy
    from occystrap_core.cli.reports.report import CheckReport
    from occystrap_core.engine.judged_pass import Judging


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it. `retries` and `rate_limits` are those of source and destination together."""

    source: str
    destination: str
    outcome: Outcome
    depth: Depth | None
    seconds: float
    retries: int
    rate_limits: int
    streamed: bool
    check: CheckReport | None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    source: Source
    destination: Destination
    filters: tuple[Opener, ...]
    verifiers: tuple[tuple[str, Verifier], ...]
    judging: Judging | None


def run_job(
    session: Session, source: str, destination: str, filters: Sequence[str], judged_by: JudgedBy | None = None
) -> Done:
    """Check everything that was asked for, then open the source and let the engine run."""
    started = time.monotonic()
    parts = _find(session, source, destination, filters, judged_by)
    keep_freed_pages()
    opened = parts.source.open(session.settings)
    talking: list[object] = [opened]
    try:
        outcome = process(_request(session, parts, opened, talking))
    finally:
        opened.close()
    counters = [part.traffic for part in talking if isinstance(part, HasTraffic)]
    return Done(
        source=source,
        destination=destination,
        outcome=outcome,
        depth=session.depth,
        seconds=time.monotonic() - started,
        retries=sum(counter.retries for counter in counters),
        rate_limits=sum(counter.rate_limits for counter in counters),
        streamed=parts.destination.streamed,
        check=_check_report(parts.judging, judged_by, destination, outcome),
    )


def _check_report(
    judging: Judging | None, judged_by: JudgedBy | None, destination: str, outcome: Outcome
) -> CheckReport | None:
    if judging is None or judged_by is None or outcome.check is None:
        return None
    from occystrap_core.cli.judging import report_of_written

    return report_of_written(judging, judged_by, destination, outcome.receipt.name, outcome.check)


def _find(
    session: Session, source: str, destination: str, filters: Sequence[str], judged_by: JudgedBy | None
) -> _Parts:
    plugins = session.plugins
    origin, target = find_source(plugins, source), find_destination(plugins, destination)
    openers = tuple(find_filter(plugins, text) for text in filters)
    if target.streamed and session.json:
        raise UsageError("the image and the JSON result cannot both go to stdout", hint="leave out -O json")
    if origin.streamed and session.value("password_stdin"):
        raise UsageError("the image and the password cannot both come from stdin", hint="leave out --password-stdin")
    verifiers = find_verifiers(plugins, target.scheme) if session.depth else ()
    return _Parts(origin, target, openers, verifiers, _judging(session, judged_by) if judged_by else None)


def _judging(session: Session, judged_by: JudgedBy) -> Judging:
    from occystrap_core.cli.judging import judging

    return judging(session, judged_by)


def _request(session: Session, parts: _Parts, source: Input, talking: list[object]) -> Request:
    settings, cache = session.settings, session.value("layer_cache")
    with attributed("source"):
        context = FilterContext(settings, source.name(), source.traits.origin)

    def open_output(about: OutputContext) -> Output:
        output = parts.destination.open(about)
        talking.append(output)
        return output

    return Request(
        source=source,
        open_output=open_output,
        selection=session.selection,
        settings=settings,
        progress=session.progress,
        filters=tuple(opener(context) for opener in parts.filters),
        verifiers=parts.verifiers,
        depth=session.depth,
        reopen_source=None if parts.source.streamed else partial(parts.source.open, settings),
        reopen_destination=reopener(session.plugins, parts.destination, settings),
        layer_cache=LayerCache(Path(cache)) if cache else None,
        judging=parts.judging,
    )

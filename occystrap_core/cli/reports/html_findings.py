"""Findings in the page: what is wrong at length, what is said for information folded away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from occystrap_core.cli.rendering import safe
from occystrap_core.contracts.finding import Finding, Severity

ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "info"}


def text(value: object) -> str:
    return escape(safe(str(value)))


def badges(findings: Iterable[Finding], *, every: bool = False) -> Iterator[str]:
    """How many errors and warnings there are; with `every` also where there are none, and the information."""
    severities = [finding.severity for finding in findings]
    for severity in ORDER if every else ORDER[:2]:
        count, word = severities.count(severity), _WORDS[severity]
        if count or every:
            plural = "s" if count != 1 and severity is not Severity.INFO else ""
            yield f'<span class="badge {word}{"" if count else " none"}"><b>{count}</b> {word}{plural}</span>'


def faults(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    """The errors and warnings, the worst first, each with what to do."""
    wrong = sorted((each for each in findings if each.severity is not Severity.INFO), key=_rank)
    if not wrong:
        return
    yield f"<h3>{text(title)}</h3>" if title else ""
    yield '<ul class="findings">'
    for finding in wrong:
        word = _WORDS[finding.severity]
        yield f'<li class="{word}"><p><span class="badge {word}">{word}</span> <b>{text(finding.check)}</b></p>'
        yield f'<p>{_message(finding)}</p><p class="remedy">{text(finding.remediation)}</p></li>'
    yield "</ul>"


def asides(findings: Sequence[Finding]) -> Iterator[str]:
    """What is said for information: a line each, when somebody asks."""
    said = [finding for finding in findings if finding.severity is Severity.INFO]
    if not said:
        return
    yield f'<details class="asides"><summary>{len(said)} for information</summary><ul>'
    for finding in said:
        yield f"<li><b>{text(finding.check)}</b> {_message(finding)}</li>"
    yield "</ul></details>"


def _rank(finding: Finding) -> int:
    return ORDER.index(finding.severity)


def _message(finding: Finding) -> str:
    """With the path before it, unless it names the path itself."""
    entry, message = text(finding.where.entry), text(finding.message)
    if not entry:
        return message
    if entry in message:
        return message.replace(entry, f"<code>{entry}</code>", 1)
    return f"<code>{entry}</code>: {message}"

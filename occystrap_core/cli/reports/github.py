"""Findings as workflow commands, which GitHub shows as annotations."""

from __future__ import annotations

from occystrap_core.cli.rendering import safe
from occystrap_core.cli.reports.report import CheckReport, place
from occystrap_core.contracts.finding import Finding, Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning"}
"""What is said for information is a line of the log: GitHub shows few annotations, and each counts."""


def render(report: CheckReport) -> str:
    several = len(report.outcome.images) > 1
    lines = [_command(report, finding, several) for finding in report.findings]
    lines += [f"::error title=not checked::{_data(f'{report.source}: {what}')}" for what in report.unchecked]
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    lines.append(f"Checked {_data(report.source)}: {errors} error(s), {warnings} warning(s)")
    return "\n".join(lines)


def _command(report: CheckReport, finding: Finding, several: bool) -> str:
    at = place(finding, several=several)
    text = f"{f'{at}: ' if at else ''}{finding.message}"
    if finding.severity not in _COMMANDS:
        return safe(f"  [{finding.check}] {text}")
    title = _property(f"{finding.check}: {report.rules[finding.check].summary}")
    return f"::{_COMMANDS[finding.severity]} title={title}::{_data(f'{report.source}: {text}')}"


def _data(text: str) -> str:
    """What workflow commands need escaped in a message; `safe` left no line ends in it."""
    return safe(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

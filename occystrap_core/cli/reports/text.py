"""Findings for a person, grouped by severity."""

from __future__ import annotations

from occystrap_core.cli.rendering import safe
from occystrap_core.cli.reports.report import CheckReport, place
from occystrap_core.contracts.finding import Finding, Severity

_TITLES = {Severity.ERROR: "Errors:", Severity.WARNING: "Warnings:", Severity.INFO: "Info:"}


def render(report: CheckReport) -> str:
    several = len(report.outcome.images) > 1
    lines: list[str] = []
    for severity, title in _TITLES.items():
        found = [finding for finding in report.findings if finding.severity is severity]
        if found:
            lines += [title, *(_line(finding, several) for finding in found), ""]
    mode = "fast (metadata only)" if report.fast else "full"
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    if report.unchecked:
        lines += [*(safe(f"Not checked: {what}") for what in report.unchecked), ""]
    return "\n".join([*lines, f"Check complete ({mode}): {errors} error(s), {warnings} warning(s)"])


def _line(finding: Finding, several: bool) -> str:
    at = place(finding, several=several)
    return safe(f"  [{finding.check}] {f'{at}: ' if at else ''}{finding.message}")

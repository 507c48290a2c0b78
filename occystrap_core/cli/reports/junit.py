"""Findings as JUnit XML: a test case for each rule, failed by its errors."""

from __future__ import annotations

from collections import defaultdict
from xml.sax.saxutils import escape, quoteattr

from occystrap_core.cli.rendering import safe
from occystrap_core.cli.reports.report import CheckReport, place
from occystrap_core.contracts.finding import Finding, Severity


def render(report: CheckReport) -> str:
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_rule[finding.check].append(finding)
    several = len(report.outcome.images) > 1
    cases = [_case(name, by_rule[name], several) for name in sorted(report.rules)]
    failures = sum(any(each.severity is Severity.ERROR for each in found) for found in by_rule.values())
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0" skipped="0"'
    suite = f"  <testsuite name={_quoted(report.source)} {counts}>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return "\n".join([head, f"<testsuites {counts}>", suite, *cases, "  </testsuite>", "</testsuites>"])


def _case(name: str, found: list[Finding], several: bool) -> str:
    errors = [finding for finding in found if finding.severity is Severity.ERROR]
    others = [finding for finding in found if finding.severity is not Severity.ERROR]
    inside = []
    if errors:
        text = "\n".join(_line(finding, several) for finding in errors)
        inside.append(
            f"      <failure message={_quoted(errors[0].message)} type={_quoted(name)}>{escape(text)}</failure>"
        )
    if others:
        text = "\n".join(f"{finding.severity}: {_line(finding, several)}" for finding in others)
        inside.append(f"      <system-out>{escape(text)}</system-out>")
    if not inside:
        return f'    <testcase classname="occystrap.check" name={_quoted(name)}/>'
    opened = f'    <testcase classname="occystrap.check" name={_quoted(name)}>'
    return "\n".join([opened, *inside, "    </testcase>"])


def _line(finding: Finding, several: bool) -> str:
    at = place(finding, several=several)
    return safe(f"{f'{at}: ' if at else ''}{finding.message}")


def _quoted(text: str) -> str:
    return quoteattr(safe(text))

"""Findings as JUnit XML: a test case for each rule, failed by what fails the check."""

from __future__ import annotations

from collections import defaultdict
from xml.sax.saxutils import escape, quoteattr

from occystrap_core.cli.rendering import safe
from occystrap_core.cli.reports.report import CheckReport, place
from occystrap_core.contracts.finding import Finding


def render(report: CheckReport) -> str:
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_rule[finding.check].append(finding)
    several = len(report.outcome.images) > 1
    cases = [_case(report, name, by_rule[name], several) for name in sorted(report.rules)]
    cases += [_unchecked(what) for what in report.unchecked]
    failures = sum(any(map(report.is_failure, found)) for found in by_rule.values())
    errors = len(report.unchecked)
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{errors}" skipped="0"'
    suite = f"  <testsuite name={_quoted(report.source)} {counts}>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return "\n".join([head, f"<testsuites {counts}>", suite, *cases, "  </testsuite>", "</testsuites>"])


def _unchecked(what: str) -> str:
    opened = '    <testcase classname="occystrap.check" name="not checked">'
    return "\n".join([opened, f'      <error message={_quoted(what)} type="not-checked"/>', "    </testcase>"])


def _case(report: CheckReport, name: str, found: list[Finding], several: bool) -> str:
    errors = [finding for finding in found if report.is_failure(finding)]
    others = [finding for finding in found if not report.is_failure(finding)]
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

"""Findings as one JSON object; the keys of the previous tool keep their names."""

from __future__ import annotations

from typing import Any

from occystrap_core.cli.rendering import as_json
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.contracts.finding import Finding, Severity, Where

VERSION = 1
"""The version of the shape. Keys are added, never renamed."""


def render(report: CheckReport) -> str:
    return as_json(
        {
            "version": VERSION,
            "image": report.name.repository,
            "tag": report.name.tag,
            "source": report.source,
            "mode": report.mode,
            **results(report),
            "rules": sorted(report.rules),
        }
    )


def results(report: CheckReport) -> dict[str, Any]:
    return {
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "unchecked": list(report.unchecked),
        "results": [_result(report, finding) for finding in report.findings],
    }


def _result(report: CheckReport, finding: Finding) -> dict[str, Any]:
    return {
        "severity": str(finding.severity),
        "check": finding.check,
        "message": finding.message,
        "title": report.rules[finding.check].summary,
        "where": _place(finding.where),
        "remediation": finding.remediation,
        **({"places": [_file(where) for where in finding.places]} if finding.places else {}),
    }


def _place(where: Where) -> dict[str, Any]:
    at = {"index": where.index, "manifest": where.manifest, "layer": where.layer, "entry": where.entry}
    return {key: value for key, value in at.items() if value not in ("", None)}


def _file(where: Where) -> dict[str, Any]:
    return {"layer": where.layer, "entry": where.entry}

"""Findings as SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import json
from typing import Any

from occystrap_core._version import VERSION
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.contracts.specs import CheckSpec

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_WHOLE = {"startLine": 1}
"""Services want a line; an image has none, and gets the first."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: CheckReport) -> str:
    rules = [report.rules[name] for name in sorted(report.rules)]
    index = {spec.name: number for number, spec in enumerate(rules)}
    driver = {
        "name": "occystrap",
        "version": VERSION,
        "rules": [_rule(spec) for spec in rules],
    }
    results = [_result(report, finding, index[finding.check]) for finding in report.findings]
    about = {"source": report.source, "mode": report.mode}
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints", "properties": about}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(spec: CheckSpec) -> dict[str, Any]:
    return {
        "id": spec.name,
        "shortDescription": {"text": spec.summary},
        "fullDescription": {"text": spec.why},
        "help": {"text": f"{spec.remedy}\n\nExample: {spec.example}"},
        "defaultConfiguration": {"level": _LEVELS[spec.severity]},
    }


def _result(report: CheckReport, finding: Finding, rule: int) -> dict[str, Any]:
    where = finding.where
    names = [("manifest", where.manifest), ("entry", where.entry)]
    if where.layer is not None:
        names.insert(1, ("layer", str(where.layer + 1)))
    logical = [{"kind": kind, "name": name, "fullyQualifiedName": name} for kind, name in names if name]
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _path(report.source)}, "region": _WHOLE}
    }
    if logical:
        location["logicalLocations"] = logical
    return {
        "ruleId": finding.check,
        "ruleIndex": rule,
        **_weight(finding, report.rules[finding.check]),
        "message": {"text": finding.message},
        "locations": [location],
        "partialFingerprints": {"occystrap/v1": _fingerprint(finding)},
    }


def _weight(finding: Finding, rule: CheckSpec) -> dict[str, str]:
    """Where a rule about faults says that all is well, that is no result that anybody should see to."""
    if finding.severity is Severity.INFO and rule.severity is not Severity.INFO:
        return {"kind": "informational", "level": "none"}
    return {"level": _LEVELS[finding.severity]}


def _fingerprint(finding: Finding) -> str:
    """What stays the same while the image is rebuilt: the rule, the layer and the path."""
    return f"{finding.check}:{finding.where.layer}:{finding.where.entry}"


def _path(source: str) -> str:
    """The source without its scheme and options: code scanning services take the URIs of a report for paths
    in a repository, and refuse a whole report for a scheme that they do not know."""
    from urllib.parse import quote

    path = source.partition("://")[2].partition("?")[0].lstrip("/") or source
    first, slash, rest = path.partition("/")
    return quote(first, safe="@+~._-[]") + slash + quote(rest, safe="/:@+~._-[]")

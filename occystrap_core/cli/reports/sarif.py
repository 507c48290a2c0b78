"""Findings as SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
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
    report = replace(report, outcome=replace(report.outcome, findings=tuple(_apart(report.findings))))
    prints = _fingerprints(report)
    results = [
        _result(report, finding, index[finding.check], told)
        for finding, told in zip(report.findings, prints, strict=True)
    ]
    about = {"source": report.source, "mode": report.mode}
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(report)],
        "results": results,
        "columnKind": "unicodeCodePoints",
        "properties": about,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _apart(findings: Iterable[Finding]) -> Iterator[Finding]:
    """A result for each file, as services take them: each is seen to, or dismissed, by itself."""
    for finding in findings:
        if not finding.places or finding.severity is Severity.INFO:
            yield finding
        else:
            yield from (
                replace(finding, message=f"{where.entry}: {finding.message}", where=where, places=())
                for where in finding.places
            )


def _invocation(report: CheckReport) -> dict[str, Any]:
    told = [{"level": "error", "message": {"text": f"not checked: {what}"}} for what in report.unchecked]
    return {"executionSuccessful": not told, "toolExecutionNotifications": told}


def _rule(spec: CheckSpec) -> dict[str, Any]:
    return {
        "id": spec.name,
        "shortDescription": {"text": spec.summary},
        "fullDescription": {"text": spec.why},
        "help": {"text": f"{spec.remedy}\n\nExample: {spec.example}"},
        "defaultConfiguration": {"level": _LEVELS[spec.severity]},
    }


def _result(report: CheckReport, finding: Finding, rule: int, fingerprint: str) -> dict[str, Any]:
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
        "partialFingerprints": {"occystrap/v1": fingerprint},
    }


def _weight(finding: Finding, rule: CheckSpec) -> dict[str, str]:
    """Where a rule about faults says that all is well, that is no result that anybody should see to."""
    if finding.severity is Severity.INFO and rule.severity is not Severity.INFO:
        return {"kind": "informational", "level": "none"}
    return {"level": _LEVELS[finding.severity]}


def _fingerprints(report: CheckReport) -> Iterator[str]:
    """What stays the same while the image is rebuilt: the rule, the platform, the layer, the path and, where
    that is one for several findings, the how manyth it is."""
    platforms = {each.image.where.manifest: each.image.platform for each in report.outcome.images}
    several, seen = len(platforms) > 1, Counter[str]()
    for finding in report.findings:
        where = finding.where
        platform = f"{platforms.get(where.manifest)}:" if several else ""
        place = f"{finding.check}:{platform}{where.layer}:{where.entry}"
        seen[place] += 1
        yield place if seen[place] == 1 else f"{place}:{seen[place]}"


def _path(source: str) -> str:
    """The source without its scheme and options: code scanning services take the URIs of a report for paths
    in a repository, and refuse a whole report for a scheme that they do not know."""
    from urllib.parse import quote

    path = source.partition("://")[2].partition("?")[0].lstrip("/") or source
    first, slash, rest = path.partition("/")
    return quote(first, safe="@+~._-[]") + slash + quote(rest, safe="/:@+~._-[]")

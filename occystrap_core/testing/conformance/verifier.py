"""The verifier contract as a suite."""

from __future__ import annotations

from collections.abc import Callable

from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.contracts.verifier import Depth, Verifier, Written
from occystrap_core.testing.contract import require


def check_verifier(verifier: Verifier, written: Written, *, damage: Callable[[], object] | None = None) -> None:
    """`written` is a sound result; `damage` then spoils it so that a FULL look must notice."""
    for depth in Depth:
        errors = [finding for finding in _findings(verifier, written, depth) if finding.severity is Severity.ERROR]
        require(not errors, f"a sound result has no error ({depth}): {errors}")
    require(
        _findings(verifier, written, Depth.FULL) == _findings(verifier, written, Depth.FULL),
        "looking changes nothing: the second look finds what the first found",
    )
    if damage is not None:
        damage()
        found = _findings(verifier, written, Depth.FULL)
        require(any(finding.severity is Severity.ERROR for finding in found), "a damaged result is an error")


def _findings(verifier: Verifier, written: Written, depth: Depth) -> list[Finding]:
    findings = list(verifier.verify(written, depth))
    for finding in findings:
        require(isinstance(finding, Finding), "a verifier yields findings")
        require(finding.check and finding.message, "a finding names its check and says what is wrong")
    return findings

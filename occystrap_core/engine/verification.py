"""Asking every verifier that answers for the destination."""

from __future__ import annotations

from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.contracts.verifier import Written
from occystrap_core.engine.outcome import Request
from occystrap_core.model.errors import OccystrapError, attributed


def run_verifiers(request: Request, written: Written) -> tuple[Finding, ...]:
    """Their findings in order. A verifier that cannot do its work is a warning, never silence."""
    assert request.depth is not None
    findings: list[Finding] = []
    for name, verifier in request.verifiers:
        try:
            with attributed(f"verifier {name!r}"):
                findings.extend(verifier.verify(written, request.depth))
        except OccystrapError as error:
            findings.append(Finding(f"verify.{name}", Severity.WARNING, f"could not verify: {error}"))
    return tuple(findings)

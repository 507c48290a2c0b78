"""Findings: what a check or a verifier has to say."""

from __future__ import annotations

from dataclasses import dataclass

from occystrap_core.contracts.severity import Severity as Severity


@dataclass(frozen=True, slots=True)
class Where:
    """The place of a finding, from the outside in; empty where it concerns the whole."""

    index: str = ""
    manifest: str = ""
    layer: int | None = None
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    severity: Severity
    message: str
    where: Where = Where()
    remediation: str = ""

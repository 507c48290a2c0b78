"""Findings: what a check or a verifier has to say."""

from __future__ import annotations

from occystrap_core.contracts.severity import Severity as Severity
from occystrap_core.model.value import value


@value
class Where:
    """The place of a finding, from the outside in; empty where it concerns the whole."""

    index: str = ""
    manifest: str = ""
    layer: int | None = None
    entry: str = ""


@value
class Finding:
    """`places` are the files that a finding about several of them is about."""

    check: str
    severity: Severity
    message: str
    where: Where = Where()
    remediation: str = ""
    places: tuple[Where, ...] = ()

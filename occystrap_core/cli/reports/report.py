"""What every format of a report is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.model.image import ImageName
from occystrap_core.model.value import value

if TYPE_CHECKING:
    from occystrap_core.engine.check import CheckOutcome


@value
class CheckReport:
    """`source` is the URI as it may be shown; `rules` are those that were asked, by id. `unchecked` is
    what could not be looked at, and why; `fail_on` is the least severity that is a failure."""

    source: str
    name: ImageName
    fast: bool
    outcome: CheckOutcome
    rules: Mapping[str, CheckSpec]
    unchecked: tuple[str, ...] = ()
    fail_on: str = "error"

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.outcome.findings

    @property
    def mode(self) -> str:
        return "fast" if self.fast else "full"

    @property
    def fails(self) -> bool:
        return any(map(self.is_failure, self.findings))

    def is_failure(self, finding: Finding) -> bool:
        levels = list(Severity)
        return levels.index(finding.severity) <= levels.index(Severity(self.fail_on))

    def narrowed(self, wanted: Callable[[Finding], bool]) -> CheckReport:
        outcome = replace(self.outcome, findings=tuple(filter(wanted, self.findings)))
        return replace(self, outcome=outcome)

    def count(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.findings)


def place(finding: Finding, *, several: bool) -> str:
    """Where it was found, from the outside in; the manifest only where there are `several`, layer and
    path only where the message does not name them."""
    where = finding.where
    parts = [where.manifest[:19]] if several and where.manifest else []
    if where.layer is not None and not finding.message.startswith(f"layer {where.layer + 1} "):
        parts.append(f"layer {where.layer + 1}")
    if where.entry and where.entry not in finding.message:
        parts.append(where.entry)
    return ", ".join(parts)

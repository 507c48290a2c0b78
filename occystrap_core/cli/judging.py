"""What `process --check` asks the rules, and what they said."""

from __future__ import annotations

import time

from occystrap_core.cli.check_options import JudgedBy
from occystrap_core.cli.check_rules import asked_for
from occystrap_core.cli.rendering import without_credentials
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.cli.session import Session
from occystrap_core.contracts.check import CheckContext
from occystrap_core.engine.check import CheckOutcome
from occystrap_core.engine.judged_pass import NOT_JUDGED, Judging
from occystrap_core.model.image import ImageName


def judging(session: Session, judged_by: JudgedBy) -> Judging:
    asked = asked_for(session, judged_by)
    rules = tuple((spec, session.plugins.implementation(spec)) for spec in asked.rules)
    return Judging(rules, CheckContext(asked.targets, time.time()), asked.severities)


def report_of_written(
    asked: Judging, judged_by: JudgedBy, destination: str, name: ImageName, outcome: CheckOutcome
) -> CheckReport:
    known = {**{spec.name: spec for spec, _ in asked.rules}, NOT_JUDGED.name: NOT_JUDGED}
    source, unchecked = without_credentials(destination), outcome.unchecked
    return CheckReport(source, name, False, outcome, known, unchecked, judged_by.level)

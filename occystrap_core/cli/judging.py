"""What `process --check` asks the rules, and what they said."""

from __future__ import annotations

import time

from occystrap_core.cli.rendering import without_credentials
from occystrap_core.cli.reports.report import CheckReport
from occystrap_core.cli.session import Session
from occystrap_core.contracts.check import CheckContext
from occystrap_core.engine.check import CheckOutcome
from occystrap_core.engine.judged_pass import NOT_JUDGED, Judging
from occystrap_core.model.image import ImageName


def every_rule(session: Session) -> Judging:
    rules = tuple((spec, session.plugins.implementation(spec)) for spec in session.plugins.check_specs())
    return Judging(rules, CheckContext(now=time.time()))


def report_of_written(judging: Judging, destination: str, name: ImageName, outcome: CheckOutcome) -> CheckReport:
    known = {spec.name: spec for spec, _ in judging.rules}
    return CheckReport(without_credentials(destination), name, False, outcome, {**known, NOT_JUDGED.name: NOT_JUDGED})

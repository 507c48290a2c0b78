"""Images from tomorrow."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_text
from occystrap_checks.timestamp import seconds_of
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown

_A_DAY = 86400


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="created-future",
        summary="the image was not made in the future",
        implementation="occystrap_checks.config.created_future:CreatedFuture",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Tools that keep the newest images, or expire the oldest, keep this one until its time has come.",
        example='"created": "2099-01-01T00:00:00Z", from a builder with a wrong clock',
        remedy="Correct the builder's clock, or set SOURCE_DATE_EPOCH to the time of the last commit.",
    )


class CreatedFuture(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        created = as_text((judged_config(image) or {}).get("created"))
        seconds = seconds_of(created)
        if seconds is None or not self.context.now or seconds <= self.context.now + _A_DAY:
            return ()
        return (Remark(f"the image says it was created at {shown(created)}, which is yet to come"),)

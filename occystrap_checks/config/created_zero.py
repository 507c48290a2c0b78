"""Images without a real time of making."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_text
from occystrap_checks.timestamp import seconds_of
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="created-zero",
        summary="the image has a real time of making",
        implementation="occystrap_checks.config.created_zero:CreatedZero",
        severity=Severity.INFO,
        needs=Needs.DOCUMENTS,
        why="Reproducible builds set the time to zero on purpose; it is good to know before one sorts or expires "
        "images by age.",
        example="An image of jib, ko or bazel, which shows as '55 years ago'.",
        remedy="Nothing to do where that is meant; else set SOURCE_DATE_EPOCH, or the builder's option for the time.",
    )


class CreatedZero(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        created = as_text((judged_config(image) or {}).get("created"))
        seconds = seconds_of(created)
        if seconds is None or seconds > 0:
            return ()
        return (Remark(f"the image says it was created at {shown(created)}"),)

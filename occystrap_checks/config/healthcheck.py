"""Health checks that never run as meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_list, is_whole_number, run_settings
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown

_MILLISECOND = 1_000_000
_DURATIONS = ("Interval", "Timeout", "StartPeriod", "StartInterval")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="healthcheck",
        summary="the health check can run",
        implementation="occystrap_checks.config.healthcheck:Healthcheck",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="docker refuses to make a container from a health check with an unknown kind of test, a negative number or "
        "a duration below a millisecond; durations are nanoseconds.",
        example='"Healthcheck": {"Test": ["curl", "-f", "http://localhost/"], "Interval": 30}',
        remedy='Begin the test with "CMD", "CMD-SHELL" or "NONE" and write durations in nanoseconds, or use '
        "HEALTHCHECK in a Dockerfile.",
    )


class Healthcheck(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        found = run_settings(image.config).get("Healthcheck")
        if judged_config(image) is None or not isinstance(found, Mapping):
            return ()
        return tuple(Remark(f"the health check {fault}") for fault in _faults(found))


def _faults(found: Mapping[str, Any]) -> Iterator[str]:
    test = as_list(found.get("Test"))
    if test and test[0] not in ("", "NONE", "CMD", "CMD-SHELL"):
        yield f"begins with '{shown(test[0])}' instead of CMD, CMD-SHELL or NONE"
    elif test and test[0] in ("CMD", "CMD-SHELL") and len(test) < 2:
        yield "has no command"
    for key in _DURATIONS:
        value = found.get(key)
        if is_whole_number(value) and value != 0 and value < _MILLISECOND:
            yield f"has the {key} {value}: durations are nanoseconds, a second is 1000000000"
    retries = found.get("Retries")
    if is_whole_number(retries) and retries < 0:
        yield f"has {retries} Retries"

"""Times of making that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_list, as_object
from occystrap_checks.timestamp import seconds_of
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="created-syntax",
        summary="the times in the config are written by RFC 3339",
        implementation="occystrap_checks.config.created_syntax:CreatedSyntax",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="Engines read the time into a typed field: one they cannot read makes them refuse the image.",
        example='"created": "2024-05-01 10:00:00"',
        remedy="Write 2024-05-01T10:00:00Z: `date -u +%Y-%m-%dT%H:%M:%SZ`.",
    )


class CreatedSyntax(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None:
            return
        if _is_unreadable(config.get("created")):
            yield Remark(f"created is '{shown(config['created'])}', no time by RFC 3339")
        for number, step in enumerate(as_list(config.get("history"))):
            created = as_object(step).get("created")
            if _is_unreadable(created):
                yield Remark(f"step {number + 1} of the history was created '{shown(created)}', no time by RFC 3339")


def _is_unreadable(created: object) -> bool:
    return isinstance(created, str) and seconds_of(created) is None

"""Environment variables that are set twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from occystrap_checks.config.judged import is_windows, judged_config
from occystrap_checks.lenient import as_texts, run_settings
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="env-duplicate",
        summary="no environment variable is set twice",
        implementation="occystrap_checks.config.env_duplicate:EnvDuplicate",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Which of the two values a program sees depends on its language: libc takes the first, shells the last.",
        example='"Env": ["PATH=/usr/bin", "PATH=/opt/bin:/usr/bin"]',
        remedy="Keep one of them; ENV in a Dockerfile replaces, tools that append to the list do not.",
    )


class EnvDuplicate(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None:
            return
        pairs = [entry.partition("=") for entry in as_texts(run_settings(image.config).get("Env"))]
        names = [name.upper() if is_windows(config) else name for name, equals, _ in pairs if equals and name]
        for name, count in Counter(names).items():
            if count > 1:
                yield Remark(f"Env sets {shown(name)} {count} times")

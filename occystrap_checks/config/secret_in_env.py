"""Secrets among the environment variables."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.config.secret_text import is_random, known_secret, masked
from occystrap_checks.lenient import as_texts, run_settings
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="secret-in-env",
        summary="no environment variable holds a secret",
        implementation="occystrap_checks.config.secret_in_env:SecretInEnv",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Whoever can pull the image can read its environment, and every process in the container has it.",
        example="ENV GITHUB_TOKEN=ghp_…",
        remedy="Withdraw the secret, for it is known now. Give secrets when the container starts, and to builds with "
        "RUN --mount=type=secret.",
    )


class SecretInEnv(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        if judged_config(image) is None:
            return
        for entry in as_texts(run_settings(image.config).get("Env")):
            name, _, value = entry.partition("=")
            found = known_secret(value) or (("a random value", value) if is_random(value) else None)
            if found:
                yield Remark(f"the variable {shown(name)} holds what looks like {found[0]}: {shown(masked(found[1]))}")

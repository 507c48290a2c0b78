"""Secrets among the commands that built an image."""

from __future__ import annotations

import re
from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.config.secret_text import is_random, known_secret, masked
from occystrap_checks.lenient import as_list, as_object, as_text
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown

_ASSIGNED = re.compile(r"(?<!\S)(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<quote>['\"]?)(?P<value>[^\s'\"]+)(?P=quote)(?!\S)")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="secret-in-history",
        summary="no command in the history holds a secret",
        implementation="occystrap_checks.config.secret_in_history:SecretInHistory",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="Build arguments and commands are kept in the config: `docker history` shows them to whoever can pull.",
        example="ARG NPM_TOKEN, given with --build-arg and used by RUN npm ci",
        remedy="Withdraw the secret, for it is known now. Give it to the build with RUN --mount=type=secret.",
    )


class SecretInHistory(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None:
            return
        for number, step in enumerate(as_list(config.get("history"))):
            command = as_text(as_object(step).get("created_by"))
            found = known_secret(command) or _random_argument(command)
            if found:
                yield Remark(
                    f"step {number + 1} of the history holds what looks like {found[0]}: {shown(masked(found[1]))}"
                )


def _random_argument(command: str) -> tuple[str, str] | None:
    for found in _ASSIGNED.finditer(command):
        if is_random(found["value"]):
            return f"a random value for {found['name']}", found["value"]
    return None

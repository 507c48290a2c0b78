"""Environment variables that are none."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import is_windows, judged_config
from occystrap_checks.lenient import as_texts, run_settings
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="env-syntax",
        summary="environment variables are written NAME=value",
        implementation="occystrap_checks.config.env_syntax:EnvSyntax",
        severity=Severity.ERROR,
        needs=Needs.DOCUMENTS,
        why="The specification requires a name and '='. Some engines refuse the image, others pass the text on and "
        "the program sees no variable.",
        example='"Env": ["DEBUG"], or "Env": ["=1"]',
        remedy="Write NAME=value, with an empty value where none is meant: ENV DEBUG=",
    )


class EnvSyntax(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None:
            return
        for entry in as_texts(run_settings(image.config).get("Env")):
            name, equals, _ = entry.partition("=")
            if "\0" in entry:
                yield Remark(f"Env has '{shown(name)}' with a NUL character, which no program can be given")
            elif not equals:
                yield Remark(f"Env has '{shown(name)}', which is not written NAME=value")
            elif not name and not is_windows(config):
                yield Remark("Env has a variable without a name")

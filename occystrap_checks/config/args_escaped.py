"""A flag of Windows images."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import run_settings
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="args-escaped",
        summary="the config does not say ArgsEscaped",
        implementation="occystrap_checks.config.args_escaped:ArgsEscaped",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="The field is deprecated: engines on Windows read the first argument as a whole command line, all others "
        "ignore it, so that the same image starts differently.",
        example="CMD in shell form, built by an old docker.",
        remedy='Write commands as lists: CMD ["app", "--serve"], and build with a current builder.',
    )


class ArgsEscaped(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        if judged_config(image) is None or not run_settings(image.config).get("ArgsEscaped"):
            return ()
        return (Remark("the config says ArgsEscaped, which engines treat differently"),)

"""Working directories that are not absolute paths."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import is_windows, judged_config
from occystrap_checks.lenient import as_text, run_settings
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="workdir-relative",
        summary="the working directory is an absolute path",
        implementation="occystrap_checks.config.workdir_relative:WorkdirRelative",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="runc refuses to start a process in a relative directory ('Cwd must be an absolute path').",
        example='"WorkingDir": "app"',
        remedy="Write the whole path: WORKDIR /app",
    )


class WorkdirRelative(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        config = judged_config(image)
        folder = as_text(run_settings(image.config).get("WorkingDir"))
        if config is None or is_windows(config) or not folder or folder.startswith("/"):
            return ()
        return (Remark(f"the working directory '{shown(folder)}' is no absolute path"),)

"""Programs that are not in the image."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import is_whole, is_windows, judged_config
from occystrap_checks.config.program import program_of
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    hookimpl,
    shown,
)

_DEFAULTS = ("/bin/sh", "/bin/bash")
"""What builders write into images where nobody said what to start: apko does, also where there is no shell."""


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="entrypoint-not-found",
        summary="the program that the image starts is in the image",
        implementation="occystrap_checks.config.entrypoint_not_found:EntrypointNotFound",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="The container does not start: 'exec: …: no such file or directory'.",
        example='ENTRYPOINT ["/app/server"] in an image whose COPY put the program into /srv.',
        remedy="Copy the program to where the command looks for it, or correct the command.",
    )


class EntrypointNotFound(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        config = judged_config(image)
        if config is None or is_windows(config) or not is_whole(image, view):
            return ()
        program = program_of(image, view)
        if program is None or program.seen is not None:
            return ()
        if program.searched:
            message = f"the image starts '{shown(program.name)}', which is in no directory of its PATH"
            return (Remark(message, severity=Severity.WARNING),)
        severity = Severity.WARNING if program.name in _DEFAULTS else None
        return (Remark(f"the image starts '{shown(program.name)}', which is not in the image", severity=severity),)

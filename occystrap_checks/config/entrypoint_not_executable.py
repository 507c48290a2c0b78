"""Programs that cannot be run."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.config.judged import is_windows, judged_config
from occystrap_checks.config.program import program_of
from occystrap_checks.lenient import as_bytes
from occystrap_checks.wording import place_of
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
from occystrap_core.contracts.entry import HARDLINK, REGULAR


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="entrypoint-not-executable",
        summary="the program that the image starts can be run",
        implementation="occystrap_checks.config.entrypoint_not_executable:EntrypointNotExecutable",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="The container does not start: 'exec: …: permission denied'.",
        example='COPY entrypoint.sh / from a checkout on Windows, with ENTRYPOINT ["/entrypoint.sh"]',
        remedy="Make the file executable: COPY --chmod=755 entrypoint.sh /",
    )


class EntrypointNotExecutable(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        config = judged_config(image)
        program = None if config is None or is_windows(config) else program_of(image, view)
        if program is None or program.seen is None:
            return ()
        seen, name = program.seen, shown(program.name)
        where = f" (/{shown(seen.path)})" if seen.path != as_bytes(program.name.strip("/")) else ""
        if seen.kind not in (REGULAR, HARDLINK):
            return (Remark(f"the image starts '{name}'{where}, which is no file", place_of(seen)),)
        if not seen.mode & 0o111:
            message = f"the image starts '{name}'{where}, which has the mode {seen.mode & 0o7777:04o}"
            return (Remark(message, place_of(seen)),)
        return ()

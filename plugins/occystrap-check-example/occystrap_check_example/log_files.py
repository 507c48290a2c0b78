"""Log files that a build left in a layer."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import (
    CheckSpec,
    Entry,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    hookimpl,
    shown,
)
from occystrap_core.contracts.entry import REGULAR


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="log-files",
        summary="layers hold no log files",
        implementation="occystrap_check_example.log_files:LogFiles",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Logs of a build make an image larger, differ in every build, and tell about the machine that built it.",
        example="RUN apt-get install -y nginx, which writes /var/log/dpkg.log.",
        remedy="Remove them in the step that writes them: RUN apt-get install -y nginx && rm -rf /var/log/*.",
        kinds=frozenset({REGULAR}),
    )


class LogFiles(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Logs()


class Logs(LayerExamination):
    def __init__(self) -> None:
        self._count = 0
        self._bytes = 0
        self._first = b""

    def entry(self, entry: Entry) -> Iterable[Remark]:
        path = entry.path
        if entry.size and (path.endswith(b".log") or path.startswith(b"var/log/")):
            self._count += 1
            self._bytes += entry.size
            self._first = self._first or path
        return ()

    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not self._count or not facts.is_authentic:
            return ()
        return (Remark(f"log files: {self._count}, {self._bytes} bytes, the first is {shown(self._first)}"),)

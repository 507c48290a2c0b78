"""Ports that are none."""

from __future__ import annotations

import re
from collections.abc import Iterable

from occystrap_checks.config.judged import judged_config
from occystrap_checks.lenient import as_object, run_settings
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, hookimpl, shown

_PORTS = re.compile(r"(?P<first>[0-9]{1,5})(?:-(?P<last>[0-9]{1,5}))?(?:/(?:tcp|udp|sctp))?", re.IGNORECASE)
_HIGHEST = 65535


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="port-syntax",
        summary="exposed ports are written PORT or PORT/PROTOCOL",
        implementation="occystrap_checks.config.port_syntax:PortSyntax",
        severity=Severity.WARNING,
        needs=Needs.DOCUMENTS,
        why="docker create fails on a port it cannot read, also for people who publish no ports.",
        example='"ExposedPorts": {"http": {}, "8080:80/tcp": {}}',
        remedy="Write the number inside the container, with the protocol where it is not tcp: EXPOSE 53/udp",
    )


class PortSyntax(Examination):
    def image(self, image: ImageUnderCheck) -> Iterable[Remark]:
        if judged_config(image) is None:
            return
        for port in as_object(run_settings(image.config).get("ExposedPorts")):
            if not is_port(port):
                yield Remark(f"'{shown(port)}' is exposed, which is no port")


def is_port(text: str) -> bool:
    found = _PORTS.fullmatch(text)
    if found is None:
        return False
    first, last = int(found["first"]), int(found["last"] or found["first"])
    return first <= last <= _HIGHEST

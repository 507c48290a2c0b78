"""Names that Windows cannot store."""

from __future__ import annotations

import re
from collections.abc import Iterable

from occystrap_checks.wording import Tally, counted
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, View, hookimpl

_SUSPECT = re.compile(
    rb"""[\\:*?"<>|/. \0](?:(?<=[\\:*?"<>|])|(?<=[. ])[/\0]|(?<=[/\0])[CPANLcpanl][ORUPorup][NXLMTnxlmt][1-9]?[./\0])"""
)
"""What may be refused, in a form that very many names are searched for fast."""

_REFUSED = re.compile(
    rb"""[\\:*?"<>|]|[^/\0.][. ](?=[/\0])|(?<=[/\0])(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?=[./\0])""", re.IGNORECASE
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="windows-names",
        summary="names can be stored on Windows",
        implementation="occystrap_checks.filesystem.windows_names:WindowsNames",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="Windows refuses some characters and the names of old devices, and drops dots and spaces at the end "
        "of a name: such files are missing or renamed when the image is unpacked there.",
        example="var/lib/dpkg/info/libc6:amd64.list, or a file called aux.c",
        remedy="Nothing to do for an image that only runs on Linux.",
    )


class WindowsNames(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        tally = Tally()
        for layer in range(len(view.facts)):
            listing = view.listing(layer)
            for number in listing.matching(_SUSPECT):
                path = listing.path(number)
                if view.is_final(layer, number) and _REFUSED.search(b"\0" + path + b"\0"):
                    tally.add(path, layer)
        if tally.count:
            yield tally.remark(f"{counted(tally.count, 'path')} that Windows cannot store: {tally}")

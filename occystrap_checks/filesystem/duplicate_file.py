"""Files that several layers have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.wording import Tally
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    Where,
    hookimpl,
    shown,
)
from occystrap_core.contracts.entry import REGULAR

_LISTED = 10


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="duplicate-file",
        summary="no file is in several layers",
        implementation="occystrap_checks.filesystem.duplicate_file:DuplicateFile",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="Only the last of them is seen; the others are moved and stored with the image all the same.",
        example="RUN apt-get install in two steps, each of which writes /var/lib/dpkg/status",
        remedy="Join the steps, or leave the file out of the earlier layer.",
    )


class DuplicateFile(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        more = Tally()
        for count, path in enumerate(_repeated(view)):
            if count < _LISTED:
                layers = sorted(_having(view, len(view.facts), path))
                places = tuple(Where(layer=layer, entry=shown(path)) for layer in layers)
                named = ", ".join(str(layer + 1) for layer in layers)
                yield Remark(f"{shown(path)} is in the layers {named}", places[-1], places=places)
            else:
                more.add(path, next(_having(view, len(view.facts), path)))
        if more.count:
            files = "file is" if more.count == 1 else "files are"
            yield more.remark(f"and {more.count} more {files} in several layers")


def _repeated(view: View) -> Iterator[bytes]:
    """Each file that a later layer writes anew, where it is first."""
    end = len(view.facts)
    for layer, number, _ in view.hidden():
        seen = view.listing(layer).seen(number)
        if seen.kind == REGULAR and next(_having(view, layer, seen.path), None) is None:
            last = next(_having(view, end, seen.path))
            if last != layer:
                yield seen.path


def _having(view: View, before: int, path: bytes) -> Iterator[int]:
    """The layers before this one that have the path as a file, the last first."""
    return (layer for layer, number in view.earlier(before, path) if view.listing(layer).seen(number).kind == REGULAR)

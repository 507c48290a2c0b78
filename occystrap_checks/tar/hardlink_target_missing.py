"""Hard links to files that are not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
from occystrap_core.contracts.entry import DIRECTORY, HARDLINK


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="hardlink-target-missing",
        summary="every hard link leads to a file that was unpacked before it",
        implementation="occystrap_checks.tar.hardlink_target_missing:HardlinkTargetMissing",
        severity=Severity.ERROR,
        needs=Needs.HEADERS,
        why="A hard link is made when it is unpacked: its target must be there by then. One in a lower layer "
        "works with some engines and not with others, and one that comes later or nowhere with none.",
        example="A filter that dropped usr/bin/perl from a layer and left perl5.36, a hard link to it.",
        remedy="Make the layer again with tar, which puts the file before its links; or store a copy in place of the "
        "link.",
    )


class HardlinkTargetMissing(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        return _faults(view)


def _faults(view: View) -> Iterator[Remark]:
    for layer in range(len(view.facts)):
        listing = view.listing(layer)
        for number in listing.of_kinds(HARDLINK):
            seen = listing.seen(number)
            message, severity = _judged(view, layer, number, _cleaned(seen.linkname))
            if message:
                path = shown(seen.path)
                target = shown(seen.linkname) or "''"
                text = f"{path} is a hard link to {target}, which {message}"
                yield Remark(text, Where(layer=layer, entry=path), severity)


def _judged(view: View, layer: int, number: int, target: bytes) -> tuple[str, Severity | None]:
    if not target:
        return "is no name of a file", None
    if b".." in target.split(b"/"):
        return "leads out of the image", None
    here = view.number(layer, target)
    if here is not None and here < number:
        is_folder = view.listing(layer).seen(here).kind == DIRECTORY
        return ("is a directory", None) if is_folder else ("", None)
    below = view.below(layer, target)
    if below is not None and below.kind != DIRECTORY:
        return "is in a lower layer only: not every engine finds it there", Severity.WARNING
    if here is not None:
        return ("is the link itself" if here == number else "comes only after the link"), None
    if view.find(target) is not None:
        return "", None
    return "is neither in the layer nor below it", None


def _cleaned(name: bytes) -> bytes:
    return b"/".join(part for part in name.split(b"/") if part not in (b"", b"."))

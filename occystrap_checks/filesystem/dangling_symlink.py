"""Absolute symlinks that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import Tally
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Needs,
    Remark,
    Seen,
    Severity,
    View,
    hookimpl,
)
from occystrap_core.contracts.entry import SYMLINK

_MOUNTED = (b"/proc/", b"/dev/", b"/sys/", b"/run/", b"/var/run/", b"/tmp/")


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="dangling-symlink",
        summary="absolute symlinks lead somewhere",
        implementation="occystrap_checks.filesystem.dangling_symlink:DanglingSymlink",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="What follows such a link fails, unless a volume or the runtime puts something there. Links are often "
        "left behind when their target is not copied.",
        example="COPY --from=build /usr/local/bin/tool, a symlink to /opt/tool/bin/tool",
        remedy="Copy the target, too, or remove the link.",
    )


class DanglingSymlink(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        tally = Tally()
        for layer in range(len(view.facts)):
            listing = view.listing(layer)
            for number in listing.of_kinds(SYMLINK):
                if view.is_final(layer, number) and _is_dangling(view, listing.seen(number)):
                    tally.add(listing.path(number), layer)
        if tally.count:
            links = "absolute symlink that leads" if tally.count == 1 else "absolute symlinks that lead"
            yield tally.remark(f"{tally.count} {links} nowhere: {tally}")


def _is_dangling(view: View, link: Seen) -> bool:
    target = link.linkname
    if not target.startswith(b"/") or (target + b"/").startswith(_MOUNTED):
        return False
    return view.follow(target) is None

"""Programs that run with the rights of another user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.wording import NOTHING, Tally, counted
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, View, hookimpl
from occystrap_core.contracts.entry import REGULAR

_SPECIAL = 0o6000


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="setuid",
        summary="no program runs with another user's rights",
        implementation="occystrap_checks.filesystem.setuid:Setuid",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="A setuid or setgid program is a way from an ordinary user to root. Few containers need passwd, su or "
        "mount.",
        example="FROM debian, which brings su, passwd and others",
        remedy="RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +, where they are not needed; or run "
        "containers with no-new-privileges.",
    )


class Setuid(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        tally = Tally.of_places(_programs(view))
        if not tally.count:
            return NOTHING
        return (tally.remark(f"{counted(tally.count, 'file')} with a setuid or setgid bit: {tally}"),)


def _programs(view: View) -> Iterator[tuple[int, bytes]]:
    for layer in range(len(view.facts)):
        listing = view.listing(layer)
        for number in listing.owned(lambda mode, uid, gid: bool(mode & _SPECIAL)):
            if view.is_final(layer, number):
                seen = listing.seen(number)
                if seen.kind == REGULAR:
                    yield layer, seen.path

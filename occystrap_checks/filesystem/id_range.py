"""Owners that rootless engines cannot make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.wording import NOTHING, Tally, counted
from occystrap_core.contracts import CheckSpec, Examination, ImageUnderCheck, Needs, Remark, Severity, View, hookimpl

_MOST = 65_535


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="id-range",
        summary="owners lie in the range that rootless engines have",
        implementation="occystrap_checks.filesystem.id_range:IdRange",
        severity=Severity.INFO,
        needs=Needs.HEADERS,
        why="A user's rootless containers usually have 65536 ids. Files of owners beyond cannot be unpacked "
        "there: the pull fails with a message about lchown.",
        example="COPY from a host whose accounts come from a directory server, with uids in the millions",
        remedy="COPY --chown=0:0, or tar --owner=0 --group=0 where the layer is made.",
    )


class IdRange(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        tally = Tally.of_places(_far(view))
        if not tally.count:
            return NOTHING
        return (tally.remark(f"{counted(tally.count, 'path')} with an owner or group above {_MOST}: {tally}"),)


def _far(view: View) -> Iterator[tuple[int, bytes]]:
    for layer in range(len(view.facts)):
        listing = view.listing(layer)
        for number in listing.owned(lambda mode, uid, gid: uid > _MOST or gid > _MOST):
            if view.is_final(layer, number):
                yield layer, listing.path(number)

"""Files and directories that everybody may write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.wording import NOTHING, Tally
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
from occystrap_core.contracts.entry import DIRECTORY, REGULAR

_BY_ALL, _STICKY, _SPECIAL = 0o002, 0o1000, 0o6000


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="world-writable",
        summary="nothing is writable by everybody",
        implementation="occystrap_checks.filesystem.world_writable:WorldWritable",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Any process in the container may change such a file, or replace the files of such a directory: "
        "configuration and programs can be tampered with. Directories like /tmp have the sticky bit, which "
        "keeps users apart.",
        example="RUN chmod -R 777 /app",
        remedy="chmod o-w, and give the files to the user that the container runs as (COPY --chown); chmod +t for "
        "shared directories.",
    )


class WorldWritable(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        tally = Tally.of_places(_writable(view))
        if not tally.count:
            return NOTHING
        what = "path that everybody may write" if tally.count == 1 else "paths that everybody may write"
        return (tally.remark(f"{tally.count} {what}: {tally}"),)


def _writable(view: View) -> Iterator[tuple[int, bytes]]:
    for layer in range(len(view.facts)):
        listing = view.listing(layer)
        for number in listing.owned(lambda mode, uid, gid: bool(mode & _BY_ALL)):
            if view.is_final(layer, number):
                seen = listing.seen(number)
                if _is_open(seen):
                    yield layer, seen.path


def _is_open(seen: Seen) -> bool:
    if seen.kind == DIRECTORY:
        return not seen.mode & _STICKY
    return seen.kind == REGULAR and not seen.mode & _SPECIAL  # the rule tar-permissions speaks of those

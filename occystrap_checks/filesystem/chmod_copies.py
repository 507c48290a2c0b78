"""Files that are stored again for another owner or mode."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_checks.wording import Tally, counted, size_text
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
from occystrap_core.contracts.entry import REGULAR

_WORTH_A_WORD = 1 << 20


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="chmod-copies",
        summary="no layer repeats files only to change their owner or mode",
        implementation="occystrap_checks.filesystem.chmod_copies:ChmodCopies",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why='A layer cannot say "the same file with another mode": chmod and chown in a later step store every '
        "file they touch a second time.",
        example="COPY . /app, and then RUN chown -R app /app",
        remedy="COPY --chown=app --chmod=0755 sets both in the first place.",
    )


class ChmodCopies(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        sizes = [0] * len(image.layers)
        tallies = [Tally() for _ in image.layers]
        for layer, number, culprit in view.hidden():
            older = view.listing(layer).seen(number)
            if older.kind == REGULAR and older.size and _is_copy(older, view, culprit):
                sizes[culprit] += older.size
                tallies[culprit].add(older.path, culprit)
        for size, tally in zip(sizes, tallies, strict=True):
            if size >= _WORTH_A_WORD:
                files = f"{counted(tally.count, 'file')} of {size_text(size)}"
                message = f"{files} again, of the same size with another owner or mode: {tally}"
                yield tally.remark(message)


def _is_copy(older: Seen, view: View, culprit: int) -> bool:
    number = view.number(culprit, older.path)
    if number is None:
        return False
    newer = view.listing(culprit).seen(number)
    if newer.kind != REGULAR or newer.size != older.size:
        return False
    return (newer.mode, newer.uid, newer.gid) != (older.mode, older.uid, older.gid)

"""Accounts that share a number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.wording import place_of
from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    Needs,
    Remark,
    Severity,
    View,
    hookimpl,
    shown,
)


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="duplicate-uid",
        summary="every account has a number of its own",
        implementation="occystrap_checks.filesystem.duplicate_uid:DuplicateUid",
        severity=Severity.WARNING,
        needs=Needs.CONTENT,
        why="Two names of one uid are one user to the kernel, with the same rights to the same files; which name "
        "shows up in ps and ls is a matter of order. A second name of uid 0 is a second root.",
        example="toor:x:0:0::/root:/bin/sh in /etc/passwd",
        remedy="Give the account another number, or remove it.",
        content=("etc/passwd", "etc/group"),
    )


class DuplicateUid(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        for path, kind in ((b"etc/passwd", "user"), (b"etc/group", "group")):
            for number, names in _shared(view.content(path) or b""):
                who = ", ".join(map(shown, names))
                yield Remark(f"{kind}s of the same number {shown(number)}: {who}", place_of(view.follow(path)))


def _shared(content: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    names: dict[bytes, list[bytes]] = {}
    for line in content.splitlines():
        fields = line.split(b":")
        if len(fields) > 2 and fields[2].isdigit() and fields[0] not in names.setdefault(fields[2], []):
            names[fields[2]].append(fields[0])
    return ((number, found) for number, found in names.items() if len(found) > 1)

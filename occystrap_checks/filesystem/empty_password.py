"""Accounts without a password."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from occystrap_checks.wording import Tally, place_of
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
        name="empty-password",
        summary="no account has an empty password",
        implementation="occystrap_checks.filesystem.empty_password:EmptyPassword",
        severity=Severity.WARNING,
        needs=Needs.CONTENT,
        why="Whoever reaches a login, su or an ssh server in the container becomes that user without being asked "
        "anything; it happened to Alpine's root account (CVE-2019-5021).",
        example="root::0:0:root:/root:/bin/sh in /etc/passwd, or root:::0::::: in /etc/shadow",
        remedy="RUN passwd -l root, or write * or ! in the field of the password.",
        content=("etc/passwd", "etc/shadow"),
    )


class EmptyPassword(Examination):
    def view(self, image: ImageUnderCheck, view: View) -> Iterable[Remark]:
        for path in (b"etc/passwd", b"etc/shadow"):
            users = Tally.of(_open(view.content(path) or b""))
            if users.count:
                yield Remark(f"no password in /{shown(path)}: {users}", place_of(view.follow(path)))


def _open(content: bytes) -> Iterator[bytes]:
    for line in content.splitlines():
        fields = line.split(b":")
        if len(fields) > 2 and fields[0] and not fields[1] and fields[0][:1] not in b"#+-":
            yield fields[0]

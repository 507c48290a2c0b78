"""Files that run as another user and that anybody may change."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import (
    CheckSpec,
    Examination,
    ImageUnderCheck,
    LayerExamination,
    LayerFacts,
    LayerUnderCheck,
    Needs,
    Remark,
    Severity,
    Where,
    hookimpl,
    shown,
)

_SPECIAL, _BY_ALL = 0o6000, 0o002


@hookimpl
def occystrap_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="tar-permissions",
        summary="no setuid or setgid file is writable by everybody",
        implementation="occystrap_checks.tar.tar_permissions:TarPermissions",
        severity=Severity.WARNING,
        needs=Needs.HEADERS,
        why="Whoever can write a file that runs with its owner's rights has those rights.",
        example="RUN chmod 4777 /usr/local/bin/helper",
        remedy="chmod o-w the file, or take its setuid bit away.",
    )


class TarPermissions(Examination):
    def layer(self, image: ImageUnderCheck, layer: LayerUnderCheck) -> LayerExamination:
        return Permissions()


class Permissions(LayerExamination):
    def finish(self, facts: LayerFacts) -> Iterable[Remark]:
        if not facts.is_authentic or facts.listing is None:
            return
        for number in facts.listing.owned(lambda mode, uid, gid: bool(mode & _SPECIAL and mode & _BY_ALL)):
            seen = facts.listing.seen(number)
            path = shown(seen.path)
            yield Remark(f"{path} is setuid or setgid and writable by everybody: {seen.mode:o}", Where(entry=path))
